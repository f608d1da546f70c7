import { type Ahead, apply, type Change } from '../store/apply.ts'
import type { Clock } from '../store/clock.ts'
import type { Database } from '../store/database.ts'
import { withSpace } from '../store/space.ts'

/**
 * The least time between two transactions. Dexie starts a live query over with every commit that touches it: with transactions in quicker
 * succession it never ends, and the screen stands still.
 */
const PAUSE_MS = 16

type Cursors = ReadonlyMap<string, number>
type Waiting = { changes: readonly Change[]; resolve: (cursors: Cursors) => void; reject: (error: unknown) => void }

/** The one way of the engine into the store: batches of changes, one transaction after another. */
export class Writer {
  readonly #db: Database
  readonly #clock: Clock
  readonly #written: (changes: readonly Change[], cursors: Cursors) => void
  readonly #ahead: Ahead = new Map()
  #queue: Waiting[] = []
  #state: 'idle' | 'writing' | 'pausing' | 'stopped' = 'idle'

  /** `written` hears of every batch that was committed, before the writers of its changes go on. */
  constructor(db: Database, clock: Clock, written: (changes: readonly Change[], cursors: Cursors) => void) {
    this.#db = db
    this.#clock = clock
    this.#written = written
  }

  /** Changes of one call are committed together. Resolves after that, with the cursors of the rooms that were touched. */
  write(...changes: Change[]): Promise<Cursors> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'stopped') return reject(new Error('the store is closed'))
      this.#queue.push({ changes, resolve, reject })
      if (this.#state === 'idle') void this.#run()
    })
  }

  /** What is known of a room beyond its cursor is not needed any more. */
  forget(conversationId: string): void {
    this.#ahead.delete(conversationId)
  }

  stop(): void {
    this.#state = 'stopped'
    for (const { reject } of this.#queue.splice(0)) reject(new Error('the store is closed'))
  }

  async #run(): Promise<void> {
    this.#state = 'writing'
    const batch = this.#queue.splice(0)
    const changes = batch.flatMap((waiting) => waiting.changes)
    try {
      const cursors = await withSpace(this.#db, () => apply(this.#db, changes, this.#ahead))
      this.#written(changes, cursors)
      for (const { resolve } of batch) resolve(cursors)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    if (this.#stopped()) return
    this.#state = 'pausing'
    this.#clock.after(PAUSE_MS, () => {
      if (this.#stopped()) return
      this.#state = 'idle'
      if (this.#queue.length > 0) void this.#run()
    })
  }

  // Through a method, because the state may have changed while the transaction ran.
  #stopped(): boolean {
    return this.#state === 'stopped'
  }
}
