import { LIMITS } from '#contract'
import { noteReading } from '../store/space.ts'
import { isBeingRemoved } from '../store/waiting.ts'
import { markMissing } from '../store/store.ts'
import { backoffMs } from './backoff.ts'
import type { Parts } from './parts.ts'
import type { Replies } from './replies.ts'
import { Refusal } from './rpc.ts'

/** Rooms that stay joined after the reader went on to others, so that going back shows what happened meanwhile. */
const KEPT = 3
/** The least time between two joins of one room that a hole in a live text asks for. */
const REJOIN_MS = 1_000

export type RoomState = 'absent' | 'joining' | 'joined'
type Joined = { state: 'joining' | 'joined' }

/** Which rooms this tab hears, and how it catches up with them. */
export class Rooms {
  readonly #parts: Parts
  readonly #replies: Replies
  readonly #settled: () => void
  readonly #joined = new Map<string, Joined>()
  readonly #pulls = new Map<string, Promise<void>>()
  readonly #rejoinedAt = new Map<string, number>()
  /** Of each room, the end of its wait for the next join. */
  readonly #timers = new Map<string, () => void>()
  /** The rooms that were opened, the current one first. */
  #recent: string[] = []
  #opened: string | null = null
  #connected = false

  /** `settled` is called whenever a join has been applied or given up: frames may have waited for it. */
  constructor(parts: Parts, replies: Replies, settled: () => void) {
    this.#parts = parts
    this.#replies = replies
    this.#settled = settled
  }

  state(conversationId: string): RoomState {
    return this.#joined.get(conversationId)?.state ?? 'absent'
  }

  /** True while any room is being joined. */
  joining(): boolean {
    return [...this.#joined.values()].some(({ state }) => state === 'joining')
  }

  opened(): string | null {
    return this.#opened
  }

  /** The reader has gone to a room, or to none. */
  open(conversationId: string | null): void {
    this.#opened = conversationId
    if (conversationId === null) return
    noteReading(this.#parts.store.db, conversationId).catch(() => undefined)
    this.#recent = [conversationId, ...this.#recent.filter((id) => id !== conversationId)]
    this.noticed(conversationId)
    for (const id of this.#recent.splice(KEPT)) this.#leave(id)
  }

  connected(): void {
    this.disconnected()
    this.#connected = true
    this.#recent = this.#opened === null ? [] : [this.#opened]
    if (this.#opened !== null) void this.#join(this.#opened, 0)
  }

  disconnected(): void {
    this.#connected = false
    this.#joined.clear()
    for (const id of [...this.#timers.keys()]) this.#cancel(id)
  }

  /** There is news that a room exists. */
  noticed(conversationId: string): void {
    if (conversationId === this.#opened && this.state(conversationId) === 'absent') void this.#join(conversationId, 0)
  }

  /** A room is not this person's any more. */
  gone(conversationId: string): void {
    this.#cancel(conversationId)
    this.#joined.delete(conversationId)
    this.#replies.forget(conversationId)
  }

  /** Joins once more, because a piece of a live text is missing. */
  rejoin(conversationId: string): void {
    const { clock } = this.#parts
    const waitMs = (this.#rejoinedAt.get(conversationId) ?? Number.NEGATIVE_INFINITY) + REJOIN_MS - clock.now()
    if (waitMs <= 0) {
      this.#rejoinedAt.set(conversationId, clock.now())
      void this.#join(conversationId, 0)
    } else if (!this.#timers.has(conversationId)) this.#later(conversationId, waitMs, () => this.rejoin(conversationId))
  }

  /** Brings everything above the room's cursor into the store. Never throws: what fails is brought by joining once more. */
  pull(conversationId: string): Promise<void> {
    const running = this.#pulls.get(conversationId)
    if (running) return running
    const pull = this.#pull(conversationId)
      .catch(() => {
        if (this.state(conversationId) === 'joined') this.rejoin(conversationId)
      })
      .finally(() => this.#pulls.delete(conversationId))
    this.#pulls.set(conversationId, pull)
    return pull
  }

  async #pull(id: string): Promise<void> {
    const { store, rpc, writer } = this.#parts
    while (true) {
      const since = (await store.db.rooms.get(id))?.cursor ?? 0
      // A room without a cursor has no unbroken range to add to; only its own row is of use until it is joined.
      const limit = since === 0 ? 1 : LIMITS.maxPageRows
      const answer = await rpc.call((client, options) => client.conversation.pull({ id, since, limit }, options))
      if (since === 0) {
        await writer.write({ kind: 'conversation', row: answer.conversation })
        return
      }
      this.#replies.track(answer.messages)
      await writer.write({ kind: 'page', since, answer })
      if (!answer.more || answer.revision <= since) return
    }
  }

  async #join(id: string, failures: number): Promise<void> {
    if (!this.#connected || this.state(id) === 'joining') return
    this.#cancel(id)
    const state: Joined = { state: 'joining' }
    this.#joined.set(id, state)
    const outcome = await this.#tryJoin(id, () => this.#joined.get(id) === state).catch((error: unknown) => error)
    // Left, or connected anew, while the answer was on its way: it is nobody's.
    if (this.#joined.get(id) !== state) return
    if (outcome === 'whole' || outcome === 'behind') {
      state.state = 'joined'
      markMissing(this.#parts.store, id, false)
    } else this.#joined.delete(id)
    this.#settled()
    if (outcome === 'behind') void this.pull(id)
    if (outcome instanceof Refusal && outcome.code === 'NOT_FOUND') markMissing(this.#parts.store, id, true)
    else if (outcome instanceof Error) this.#retry(id, failures, outcome)
    // The server may refuse it, and another tab hears of that.
    else if (outcome === 'removing') this.#retry(id, 0, outcome)
  }

  async #tryJoin(id: string, current: () => boolean): Promise<'whole' | 'behind' | 'local' | 'removing' | 'gone' | 'superseded'> {
    const { store, rpc, writer } = this.#parts
    const known = await store.db.conversations.get(id)
    if (known?.deleted) return (await isBeingRemoved(store.db, id)) ? 'removing' : 'gone'
    // A room that only this device knows is joined when the server has taken it.
    if (known?.origin === 'local') return 'local'
    while (true) {
      const since = (await store.db.rooms.get(id))?.cursor ?? 0
      const answer = await rpc.call((client, options) => client.conversation.join({ id, since, limit: LIMITS.pageRows }, options))
      if (!current()) return 'superseded'
      if (answer.conversation.revision < since) {
        await writer.write({ kind: 'rewound', conversationId: id })
        continue
      }
      this.#replies.track(answer.messages)
      this.#replies.join(id, answer.live)
      const written = writer.write({ kind: 'page', since, answer }, { kind: 'people', conversationId: id, people: answer.people })
      const reached = (await written).get(id) ?? 0
      return reached < answer.revision || (since > 0 && answer.more) ? 'behind' : 'whole'
    }
  }

  #retry(id: string, failures: number, error: unknown): void {
    if (id !== this.#opened) return
    // The server counts the rooms of a socket: others make way.
    if (error instanceof Refusal && error.code === 'BUSY') for (const other of this.#recent.splice(1)) this.#leave(other)
    this.#later(id, backoffMs(failures, this.#parts.random, 1_000), () => void this.#join(id, failures + 1))
  }

  #later(id: string, waitMs: number, task: () => void): void {
    this.#cancel(id)
    const cancel = this.#parts.clock.after(waitMs, () => {
      this.#timers.delete(id)
      task()
    })
    this.#timers.set(id, cancel)
  }

  #cancel(id: string): void {
    this.#timers.get(id)?.()
    this.#timers.delete(id)
  }

  #leave(id: string): void {
    const { rpc, writer } = this.#parts
    this.#cancel(id)
    this.#replies.forget(id)
    writer.forget(id)
    if (!this.#joined.delete(id)) return
    rpc.call((client, options) => client.conversation.leave({ id }, options)).catch(() => undefined)
  }
}
