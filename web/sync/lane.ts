import type { Change } from '../store/apply.ts'
import type { OutboxCall, OutboxEntry } from '../store/database.ts'
import { respiteMs, type Waiting, waitingCalls, watchWaiting } from '../store/waiting.ts'
import { backoffMs } from './backoff.ts'
import type { Locks } from './locks.ts'
import type { Parts } from './parts.ts'
import { judge } from './refusal.ts'
import type { Rpc } from './rpc.ts'

/** Which calls go one behind another; what is in two lanes does not wait for each other. */
export type LaneOptions = {
  readonly name: string
  takes(call: OutboxCall): boolean
  /** Called when a guess was taken back: the server's row has to replace it. */
  refresh(conversationId: string): void
}

/** Sends its part of the outbox, in its order, from one tab at a time. */
export class Lane {
  readonly #parts: Parts
  readonly #locks: Locks
  readonly #options: LaneOptions
  readonly #abort = new AbortController()
  readonly #unwatch: () => void
  /** Until when rooms have to wait. */
  readonly #paused = new Map<string, number>()
  readonly #tries = new Map<number, number>()
  #online = false
  /** `again`: there was news during a run, and another one follows. */
  #state: 'idle' | 'running' | 'again' = 'idle'
  #failures = 0
  /** The server asked for patience until then, whatever else comes up. */
  #notBefore = 0
  #cancelRetry: (() => void) | null = null

  constructor(parts: Parts, locks: Locks, options: LaneOptions) {
    this.#parts = parts
    this.#locks = locks
    this.#options = options
    this.#unwatch = watchWaiting(parts.store.db, options.takes, parts.clock, () => this.#wake())
  }

  online(): void {
    this.#online = true
    this.#failures = 0
    this.#notBefore = 0
    this.#paused.clear()
    this.#wake()
  }

  offline(): void {
    this.#online = false
    this.#cancelRetry?.()
  }

  stop(): void {
    this.offline()
    this.#unwatch()
    this.#abort.abort()
  }

  #wake(): void {
    if (!this.#online) return
    if (this.#state !== 'idle') this.#state = 'again'
    else void this.#run()
  }

  async #run(): Promise<void> {
    const { store, clock } = this.#parts
    this.#state = 'running'
    this.#cancelRetry?.()
    const name = `confab-${this.#options.name}-${store.personId}`
    const waitMs = await this.#locks(name, this.#abort.signal, () => this.#flush()).catch(() => this.#globalPause())
    const again = this.#takeAgain()
    if (!this.#online) return
    if (waitMs !== null) this.#cancelRetry = clock.after(waitMs, () => this.#wake())
    if (again) this.#wake()
  }

  #takeAgain(): boolean {
    const again = this.#state === 'again'
    this.#state = 'idle'
    return again
  }

  /** Returns after how many milliseconds to go on; null: nothing is left. */
  async #flush(): Promise<number | null> {
    const { store, clock, rpc } = this.#parts
    while (this.#online) {
      const waiting = await waitingCalls(store.db, this.#options.takes)
      const now = clock.now()
      if (waiting.length > 0 && now < this.#notBefore) return this.#notBefore - now
      const leftMs = waiting.map((call) => Math.max((this.#paused.get(call.conversationId) ?? now) - now, respiteMs(call)))
      const entry = waiting.find((_, index) => (leftMs[index] ?? 0) <= 0)
      if (!entry) return waiting.length === 0 ? null : leftMs.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY)
      try {
        await this.#answered(entry, await send(rpc, entry))
      } catch (error) {
        const waitMs = await this.#failed(entry, error)
        if (waitMs !== null) return waitMs
      }
    }
    return null
  }

  async #answered(entry: Waiting, changes: Change[]): Promise<void> {
    const { writer } = this.#parts
    await writer.write(...changes, { kind: 'answered', seq: entry.seq })
    this.#failures = 0
    this.#tries.delete(entry.seq)
    this.#paused.delete(entry.conversationId)
  }

  /** Returns after how many milliseconds to go on with anything at all; null: at once. */
  async #failed(entry: Waiting, error: unknown): Promise<number | null> {
    const verdict = judge(error)
    switch (verdict.kind) {
      case 'later':
        this.#notBefore = this.#parts.clock.now() + verdict.leastMs
        return Math.max(verdict.leastMs, this.#globalPause())
      case 'room later': {
        const tries = (this.#tries.get(entry.seq) ?? 0) + 1
        this.#tries.set(entry.seq, tries)
        if (tries >= verdict.tries) break
        this.#paused.set(entry.conversationId, this.#parts.clock.now() + backoffMs(tries, this.#parts.random, 500))
        return null
      }
      case 'never':
        break
    }
    this.#tries.delete(entry.seq)
    await this.#parts.writer.write({ kind: 'refused', seq: entry.seq, failure: verdict.failure })
    this.#options.refresh(entry.conversationId)
    return null
  }

  #globalPause(): number {
    return backoffMs(this.#failures++, this.#parts.random, 500)
  }
}

/** Makes the call of an entry; returns what its answer changes. */
function send({ call }: Rpc, entry: OutboxEntry): Promise<Change[]> {
  const { call: wanted, conversationId } = entry
  switch (wanted.procedure) {
    case 'conversation.create':
      return call(async (client, options) => [{ kind: 'conversation', row: await client.conversation.create(wanted.input, options) }])
    case 'conversation.update':
      return call(async (client, options) => [{ kind: 'conversation', row: await client.conversation.update(wanted.input, options) }])
    case 'conversation.arrange':
      return call(async (client, options) => [{ kind: 'arrangement', row: await client.conversation.arrange(wanted.input, options) }])
    case 'conversation.remove':
      return call(async (client, options) => {
        await client.conversation.remove(wanted.input, options)
        return [{ kind: 'gone', conversationId }]
      })
    case 'message.send':
      return call(async (client, options) => {
        const { message, reply } = await client.message.send(wanted.input, options)
        return [{ kind: 'messages', rows: reply ? [message, reply] : [message] }]
      })
    case 'message.withdraw':
      return call(async (client, options) => [{ kind: 'messages', rows: [await client.message.withdraw(wanted.input, options)] }])
    case 'message.edit':
      return call(async (client, options) => {
        const { message, reply } = await client.message.edit(wanted.input, options)
        return [{ kind: 'messages', rows: reply ? [message, reply] : [message] }]
      })
    case 'message.regenerate':
      return call(async (client, options) => [{ kind: 'messages', rows: [await client.message.regenerate(wanted.input, options)] }])
    case 'message.select':
      return call(async (client, options) => [{ kind: 'conversation', row: await client.message.select(wanted.input, options) }])
    case 'reply.stop':
      return call(async (client, options) => [{ kind: 'messages', rows: [await client.reply.stop(wanted.input, options)] }])
    case 'reply.resume':
      return call(async (client, options) => [{ kind: 'messages', rows: [await client.reply.resume(wanted.input, options)] }])
  }
}
