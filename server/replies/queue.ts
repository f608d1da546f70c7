import type { Author, LiveText } from '#contract'
import { path } from '../database/messages.ts'
import type { Db } from '../database/open.ts'
import { begin, findQueued, finish, type Outcome } from '../database/replies.ts'
import { type Log, reason } from '../log.ts'
import { type Bus, roomTopic } from '../rooms/bus.ts'
import type { Changes } from '../rooms/changes.ts'
import type { Ending, Journal, Journals } from './journal.ts'
import type { Model, ModelRequest } from './model.ts'
import { untilDone } from './pause.ts'
import { buildRequest, CONTEXT_STEPS } from './prompt.ts'
import { followAnswer, type StopReason } from './run.ts'

export type ReplyParts = {
  readonly db: Db
  readonly bus: Bus
  readonly changes: Changes
  readonly journals: Journals
  readonly model: Model
  readonly log: Log
}

type Ref = { readonly id: string; readonly conversationId: string }
type Run = Ref & { text: string; readonly stop: AbortController; readonly ended: Promise<void> }
type Queue = { running: Run; readonly waiting: Ref[] }

/**
 * The replies of every room: one at a time in each, in the order in which they were asked for. A run belongs to the server; it goes on
 * when nobody watches, and always reaches a final state in the database, however long that is away.
 */
export class ReplyQueue {
  readonly #parts: ReplyParts
  readonly #queues = new Map<string, Queue>()
  readonly #closing = new AbortController()

  constructor(parts: ReplyParts) {
    this.#parts = parts
  }

  /** Replies that are being written. */
  get running(): number {
    return this.#queues.size
  }

  /** The texts so far of a room's replies that are being written. */
  texts(conversationId: string): LiveText[] {
    const running = this.#queues.get(conversationId)?.running
    return running ? [{ id: running.id, text: running.text }] : []
  }

  /** Starts a queued reply, now or when those before it have ended. The same reply twice is one. */
  add(reply: Ref): void {
    if (this.#closing.signal.aborted) return
    const queue = this.#queues.get(reply.conversationId)
    if (!queue) this.#queues.set(reply.conversationId, { running: this.#start(reply), waiting: [] })
    else if (queue.running.id !== reply.id && !queue.waiting.some(({ id }) => id === reply.id)) queue.waiting.push(reply)
  }

  /** Ends a reply, running or waiting, and resolves when its row says so. */
  async stop(reply: Ref, by: Author): Promise<void> {
    const queue = this.#queues.get(reply.conversationId)
    if (queue?.running.id === reply.id) {
      queue.running.stop.abort({ kind: 'person', by } satisfies StopReason)
      await queue.running.ended
      return
    }
    const index = queue?.waiting.findIndex(({ id }) => id === reply.id) ?? -1
    if (index >= 0) queue?.waiting.splice(index, 1)
    await this.#write(reply, { ...NOTHING_SAID, state: 'stopped', stoppedBy: by })
  }

  /** Ends everything that runs in a room that was removed; what waits is dropped with it. */
  drop(conversationId: string, by: Author): void {
    const queue = this.#queues.get(conversationId)
    queue?.waiting.splice(0)
    queue?.running.stop.abort({ kind: 'person', by } satisfies StopReason)
  }

  /** Gives running replies `graceMs` to end by themselves, then interrupts them; what could not be written stays in its journal. */
  async close(graceMs: number): Promise<void> {
    const runs = Array.from(this.#queues.values(), ({ running }) => running)
    for (const { waiting } of this.#queues.values()) waiting.splice(0)
    const ended = Promise.all(runs.map((run) => run.ended))
    await Promise.race([ended, Bun.sleep(graceMs)])
    for (const run of runs) run.stop.abort({ kind: 'shutdown' } satisfies StopReason)
    await Promise.race([ended, Bun.sleep(graceMs)])
    this.#closing.abort()
    await ended
  }

  /** Writes how a reply ended and tells the room, as often as it takes. Rejects only when the server is stopping. */
  async #write(reply: Ref, outcome: Outcome): Promise<void> {
    const { changes, db, log, model } = this.#parts
    await untilDone(
      () => changes.change(reply.conversationId, async () => ({ change: await finish(db, reply, outcome, model.speaker) })),
      this.#closing.signal,
      (error) => log.warn('reply.write_failed', { reply: reply.id, reason: reason(error) }),
    )
  }

  #start(reply: Ref): Run {
    const run: Run = {
      ...reply,
      text: '',
      stop: new AbortController(),
      ended: Promise.resolve()
        .then(() => this.#run(run))
        .catch((error) => this.#parts.log.error('reply.left_in_journal', { reply: reply.id, reason: reason(error) }))
        .finally(() => this.#next(reply.conversationId)),
    }
    return run
  }

  #next(conversationId: string): void {
    const next = this.#queues.get(conversationId)?.waiting.shift()
    const queue = this.#queues.get(conversationId)
    if (queue && next) queue.running = this.#start(next)
    else this.#queues.delete(conversationId)
  }

  async #run(run: Run): Promise<void> {
    const { log, changes, db, journals, model } = this.#parts
    const prepared = await this.#prepare(run)
    if (prepared === 'nothing to do') return
    if (prepared === 'stopped') {
      const reason: StopReason = run.stop.signal.reason
      if (reason.kind === 'person') await this.#write(run, { ...NOTHING_SAID, state: 'stopped', stoppedBy: reason.by })
      return
    }
    run.text = prepared.kept
    let journal: Journal
    try {
      journal = journals.create({ id: run.id, conversationId: run.conversationId, kept: run.text.length })
    } catch (error) {
      log.error('reply.no_journal', { reply: run.id, reason: reason(error) })
      await this.#write(run, { ...NOTHING_SAID, state: 'failed', failure: { code: 'internal' } })
      return
    }
    // Beside the call to the model, not before it: the journal is the claim, and the first word need not wait for the database.
    const began = changes
      .change(run.conversationId, async () => ({ change: await begin(db, run) }))
      .catch((error) => log.warn('reply.begin_failed', { reply: run.id, reason: reason(error) }))
    const ending = await followAnswer({
      model,
      request: prepared.request,
      journal,
      kept: run.text.length,
      show: (text) => this.#show(run, text),
      stopped: run.stop.signal,
      onBug: (error) => log.error('reply.bug', { reply: run.id, reason: reason(error) }),
    })
    await this.#settle(run, journal, ending, began)
  }

  #show(run: Run, text: string): void {
    const offset = run.text.length
    run.text += text
    this.#parts.bus.publish(roomTopic(run.conversationId), ['delta', run.id, offset, text])
  }

  async #settle(run: Run, journal: Journal, ending: Ending, began: Promise<unknown>): Promise<void> {
    try {
      journal.end(ending)
    } catch (error) {
      this.#parts.log.error('reply.journal_failed', { reply: run.id, reason: reason(error) })
    }
    await began
    await this.#write(run, { ...ending, text: run.text })
    journal.remove()
  }

  /** What to ask, as soon as the database can say it. */
  async #prepare(run: Run): Promise<{ kept: string; request: ModelRequest } | 'stopped' | 'nothing to do'> {
    const { db, log, model } = this.#parts
    const read = async () => {
      const [reply, steps] = await Promise.all([findQueued(db, run.id), path(db, run.id, CONTEXT_STEPS)])
      if (!reply || reply.deletedAt !== null) return 'nothing to do'
      const { instructions, text: kept } = reply
      return { kept, request: buildRequest({ model: reply.model ?? model.name, instructions, steps, kept }) }
    }
    try {
      return await untilDone(read, run.stop.signal, (error) => log.warn('reply.prepare_failed', { reply: run.id, reason: reason(error) }))
    } catch (error) {
      if (run.stop.signal.aborted) return 'stopped'
      throw error
    }
  }
}

/** How a reply ends that never came to ask: what was kept of it stays. */
const NOTHING_SAID = { text: null, failure: null, model: null, usage: null, truncated: false, stoppedBy: null } satisfies Partial<Outcome>
