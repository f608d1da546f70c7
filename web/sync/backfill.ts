import { LIMITS } from '#contract'
import { trimmedAt } from '../store/space.ts'
import type { Leisure } from './leisure.ts'
import type { Locks } from './locks.ts'
import type { Parts } from './parts.ts'
import type { Rooms } from './rooms.ts'
import { Refusal } from './rpc.ts'

/** The socket has to have been silent for so long. */
const QUIET_MS = 1_000
/** Between two rooms. */
const PAUSE_MS = 250
/** Of a person's rooms, so many of the newest. */
const ROOMS = 200
/** Rooms that change while everything is there are looked at together, and no more often than this. */
const AGAIN_MS = 30_000
/** After space had to be made, nothing is fetched that nobody has asked for. */
const TRIMMED_MS = 7 * 24 * 60 * 60 * 1000

/**
 * Brings rooms that the reader has not opened, or not since they changed, into the store, so that they can be read without a network: newest
 * first, one page at a time, and only while nobody is kept waiting by it.
 */
export class Backfill {
  readonly #parts: Parts
  readonly #rooms: Rooms
  readonly #locks: Locks
  readonly #leisure: Leisure
  readonly #heardAt: () => number
  #abort = new AbortController()
  /** `again`: there was news during a run. `waiting`: the next one has its time. */
  #state: 'offline' | 'running' | 'again' | 'resting' | 'waiting' = 'offline'
  #cancelWait: (() => void) | null = null
  /** Rooms that this run need not look at again. */
  #done = new Set<string>()

  /** `heardAt`: when the last frame came. */
  constructor(parts: Parts, rooms: Rooms, locks: Locks, leisure: Leisure, heardAt: () => number) {
    this.#parts = parts
    this.#rooms = rooms
    this.#locks = locks
    this.#leisure = leisure
    this.#heardAt = heardAt
  }

  /** Connected, and the list of rooms is in the store. */
  online(): void {
    this.offline()
    this.#abort = new AbortController()
    void this.#begin(this.#abort.signal)
  }

  offline(): void {
    this.#abort.abort()
    this.#cancelWait?.()
    this.#state = 'offline'
  }

  /** A room that nobody has opened is new, or has changed. */
  noticed(): void {
    if (this.#state === 'running') this.#state = 'again'
    else if (this.#state === 'resting') this.#wait()
  }

  #wait(): void {
    this.#state = 'waiting'
    this.#cancelWait = this.#parts.clock.after(AGAIN_MS, () => void this.#begin(this.#abort.signal))
  }

  async #begin(signal: AbortSignal): Promise<void> {
    this.#state = 'running'
    this.#done = new Set()
    // A room that fails ends the run: the next news, or the next connection, begins another.
    await this.#run(signal).catch(() => undefined)
    if (signal.aborted) return
    if (this.#hasNews()) this.#wait()
    else this.#state = 'resting'
  }

  // Through a method, because the state may have changed while the run went on.
  #hasNews(): boolean {
    return this.#state === 'again'
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts
    while (true) {
      await this.#quiet(signal)
      if (!(await this.#mayFetch())) return
      signal.throwIfAborted()
      // One tab at a time; the others then find nothing left to do.
      const found = await this.#locks(`confab-backfill-${store.personId}`, signal, () => this.#fetchNext(signal))
      if (!found) return
      await this.#pause(PAUSE_MS)
    }
  }

  /** Resolves when neither the person nor the socket is busy. */
  async #quiet(signal: AbortSignal): Promise<void> {
    const { clock, rpc } = this.#parts
    while (true) {
      await this.#leisure.idle()
      signal.throwIfAborted()
      if (rpc.inFlight === 0 && clock.now() - this.#heardAt() >= QUIET_MS) return
      await this.#pause(QUIET_MS)
    }
  }

  async #mayFetch(): Promise<boolean> {
    const at = await trimmedAt(this.#parts.store.db)
    return (at === null || Date.now() - at > TRIMMED_MS) && this.#leisure.spare()
  }

  /** False: nothing is left to fetch. */
  async #fetchNext(signal: AbortSignal): Promise<boolean> {
    const { rpc, writer } = this.#parts
    const next = await this.#next()
    if (!next) return false
    const { id, since } = next
    this.#done.add(id)
    try {
      const answer = await rpc.call((client, options) => client.conversation.pull({ id, since, limit: LIMITS.pageRows }, options))
      signal.throwIfAborted()
      // Of a room that was restored from a backup: joining it starts over.
      if (answer.revision < since) return true
      await writer.write({ kind: 'page', since, answer })
      if (since > 0 && answer.more) this.#done.delete(id)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
    return true
  }

  async #next(): Promise<{ id: string; since: number } | null> {
    const { db } = this.#parts.store
    const newest = await db.conversations.orderBy('updatedAt').reverse().limit(ROOMS).toArray()
    const candidates = newest.filter(
      ({ id, origin, deleted }) => origin === 'server' && !deleted && !this.#done.has(id) && this.#rooms.state(id) === 'absent',
    )
    const loaded = await db.rooms.bulkGet(candidates.map(({ id }) => id))
    for (const [index, { id, revision }] of candidates.entries()) {
      const since = loaded[index]?.cursor ?? 0
      if (since === 0 || since < revision) return { id, since }
    }
    return null
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(ms, resolve))
  }
}
