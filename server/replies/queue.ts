import type { Author, LiveReply } from '#contract'
import { defer } from '../database/replies.ts'
import { reason } from '../log.ts'
import { answer, type Run } from './answering.ts'
import { type Stop, stopUnasked } from './ending.ts'
import type { Asked, Ref, ReplyParts } from './parts.ts'
import type { StopReason } from './run.ts'
import { Starts } from './starts.ts'
import { type Titled, Titles } from './titles.ts'

type Turn = { readonly run: Run; readonly ended: Promise<void> }
type Queue = { turn: Turn; readonly waiting: Asked[] }

/**
 * The replies of every room: one at a time in each, in the order in which they were asked for. A run belongs to the server; it goes on
 * when nobody watches, and always reaches a final state in the database, however long that is away.
 */
export class ReplyQueue {
  readonly #parts: ReplyParts
  readonly #starts: Starts
  readonly #titles: Titles
  readonly #queues = new Map<string, Queue>()
  readonly #closing = new AbortController()
  /** Replies that were waiting when somebody stopped them, until that is written. */
  readonly #stopping = new Map<string, Ref & { readonly written: Promise<void>; again: Asked | null }>()

  constructor(parts: ReplyParts, atOnce: number) {
    this.#parts = parts
    this.#titles = new Titles(parts)
    this.#starts = new Starts({
      atOnce,
      perMinute: () => parts.budgets.current.personMinuteRequests,
      told: (reply, at) => this.#told(reply, at),
    })
  }

  /** What was said so far in a room's replies that are being written. */
  live(conversationId: string): LiveReply[] {
    const run = this.#queues.get(conversationId)?.turn.run
    // Before it is known what was kept, the row says more than this could.
    return run && run.text !== null ? [{ id: run.id, text: run.text, thoughts: run.thoughts }] : []
  }

  /** How many ask by now, and how many wait, over all rooms. */
  get counts(): { running: number; queued: number } {
    let all = 0
    for (const { waiting } of this.#queues.values()) all += waiting.length + 1
    const running = this.#starts.asking
    return { running, queued: all - running }
  }

  /** A reply that runs or waits here, or is just being stopped. */
  find(id: string): Ref | null {
    for (const { turn, waiting } of this.#queues.values()) {
      const found = [turn.run, ...waiting].find((reply) => reply.id === id)
      if (found) return found
    }
    return this.#stopping.get(id) ?? null
  }

  /**
   * Starts a queued reply, now or when those before it have ended. The same reply twice is one; one whose end is just being written starts anew
   * after that, for that end may have been made, and its person may have asked again.
   */
  add(reply: Asked): void {
    if (this.#closing.signal.aborted) return
    const stopping = this.#stopping.get(reply.id)
    if (stopping) {
      stopping.again = reply
      return
    }
    const queue = this.#queues.get(reply.conversationId)
    if (!queue) this.#queues.set(reply.conversationId, { turn: this.#start(reply), waiting: [] })
    else if ((queue.turn.run.id !== reply.id || queue.turn.run.ending) && !queue.waiting.some(({ id }) => id === reply.id))
      queue.waiting.push(reply)
  }

  /** Ends a reply, running or waiting, at once; resolves when its row says so. */
  async stop(reply: Ref, how: Stop): Promise<void> {
    const queue = this.#queues.get(reply.conversationId)
    const waited = this.#forget(reply)
    if (queue?.turn.run.id === reply.id) {
      queue.turn.run.stop.abort({ kind: 'person', ...how } satisfies StopReason)
      await queue.turn.ended
      // It may have been asked for once more while its end was written; that is stopped, too.
      if (!waited) return
    }
    // Until its row says so, whoever still finds it waiting must not start it.
    let stopping = this.#stopping.get(reply.id)
    if (stopping?.again) {
      stopping.again = null
      await stopping.written
      return this.stop(reply, how)
    }
    if (!stopping) {
      const { id, conversationId } = reply
      const written = stopUnasked(this.#parts, reply, how, this.#closing.signal)
        .finally(() => this.#stopping.delete(id))
        .then(() => stopping?.again && this.add(stopping.again))
        .then(() => {})
      this.#stopping.set(id, (stopping = { id, conversationId, written, again: null }))
    }
    await stopping.written
  }

  /**
   * Keeps replies of a room that wait from being asked for until the returned function is called, with whether they have been taken back. null: it
   * is too late for one of them. To be called in the room's turn.
   */
  hold(conversationId: string, ids: readonly string[]): ((takenBack: boolean) => void) | null {
    const release = this.#starts.hold(ids)
    if (!release) return null
    return (takenBack) => {
      const waiting = this.#queues.get(conversationId)?.waiting
      if (takenBack && waiting) waiting.splice(0, waiting.length, ...waiting.filter(({ id }) => !ids.includes(id)))
      release(takenBack)
    }
  }

  /** Ends everything that runs in a room that was removed; what waits is dropped with it. */
  drop(conversationId: string, by: Author): void {
    const queue = this.#queues.get(conversationId)
    queue?.waiting.splice(0)
    queue?.turn.run.stop.abort({ kind: 'person', by } satisfies StopReason)
  }

  /** Gives running replies `graceMs` to end by themselves, then interrupts them; what could not be written stays in its journal. */
  async close(graceMs: number): Promise<void> {
    const turns = Array.from(this.#queues.values(), ({ turn }) => turn)
    for (const { waiting } of this.#queues.values()) waiting.splice(0)
    // What has not asked by now asks the next server.
    for (const { run } of turns) if (!this.#starts.isAsking(run.id)) run.stop.abort({ kind: 'shutdown' } satisfies StopReason)
    const ended = Promise.all(turns.map((turn) => turn.ended))
    await Promise.race([ended, Bun.sleep(graceMs)])
    for (const { run } of turns) run.stop.abort({ kind: 'shutdown' } satisfies StopReason)
    await Promise.race([ended, Bun.sleep(graceMs)])
    this.#closing.abort()
    await ended
    await this.#titles.close()
  }

  /** Takes a reply from those that wait; whether it was among them. */
  #forget({ id, conversationId }: Ref): boolean {
    const waiting = this.#queues.get(conversationId)?.waiting
    const index = waiting?.findIndex((reply) => reply.id === id) ?? -1
    if (index >= 0) waiting?.splice(index, 1)
    return index >= 0
  }

  #start(reply: Asked): Turn {
    const stop = new AbortController()
    const { enter, aside, leave } = this.#starts.start(reply, stop.signal)
    const run: Run = { ...reply, text: null, thoughts: '', ending: false, stop, enter, aside }
    let titled: Titled | null = null
    const ended = answer(this.#parts, run, this.#closing.signal)
      .then((found) => void (titled = found))
      .catch((error) => {
        this.#parts.log.error('reply.left_in_journal', { reply: reply.id, reason: reason(error) })
        // What is left is for the next start; to begin anew beside it would be to lose it.
        this.#forget(reply)
      })
      .finally(() => {
        this.#parts.budgets.ended(reply.id)
        // Beside the next replies of the room, which need not wait for it.
        if (titled) this.#titles.find(titled)
        leave()
        this.#next(reply.conversationId)
      })
    return { run, ended }
  }

  #next(conversationId: string): void {
    const queue = this.#queues.get(conversationId)
    const next = queue?.waiting.shift()
    if (queue && next) queue.turn = this.#start(next)
    else this.#queues.delete(conversationId)
  }

  async #told(reply: Ref, retryAt: Date | null): Promise<void> {
    const { changes, db, log } = this.#parts
    await changes
      .change(reply.conversationId, async () => ({ change: await defer(db, reply, { failure: null, retryAt }) }))
      .catch((error) => log.warn('reply.wait_failed', { reply: reply.id, reason: reason(error) }))
  }
}
