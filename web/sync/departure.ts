import type { Clock } from '../store/clock.ts'
import type { Store } from '../store/store.ts'

/** Nobody who leaves waits longer than this for the store to be deleted. */
const WIPE_MS = 2_000

type Ways = {
  /** Ends the session on the server; false, or a rejection: it could not be reached. */
  signOut(): Promise<boolean>
  /** Shows the entrance. */
  onSignedOut(): void
  /** A newer page waits to change the form of the store. */
  onReplaced(): void
  /** Ends the engine. */
  stop(): void
}

/** The ways in which a tab stops being this person's: none of them may leave rows behind, or bring them back. */
export class Departure {
  readonly #store: Store
  readonly #clock: Clock
  readonly #ways: Ways
  #state: 'here' | 'leaving' | 'ended while leaving' | 'gone' = 'here'

  constructor(store: Store, clock: Clock, ways: Ways) {
    this.#store = store
    this.#clock = clock
    this.#ways = ways
  }

  /** Another tab that leaves deletes the store: this one lets go of it, or its next write would make it anew. The result ends it. */
  watch(): () => void {
    const { db } = this.#store
    // False keeps Dexie's own answer away, which opens the store again at the next access.
    const changing = (event: IDBVersionChangeEvent): boolean => {
      if (this.#state === 'gone') return true
      this.#ways.stop()
      // The store stays open for a draft that is being written: the newer page waits until this one has been reloaded.
      if (event.newVersion !== null) {
        this.#ways.onReplaced()
        return false
      }
      db.close()
      this.#go()
      return false
    }
    db.on('versionchange', changing)
    return () => db.on('versionchange').unsubscribe(changing)
  }

  /** The server has ended the session. It does so before it answers the request to leave, and the store has to go first. */
  signedOut(): void {
    if (this.#state === 'leaving') this.#state = 'ended while leaving'
    else this.#go()
  }

  /** Signs out and deletes the store. False: the server could not be reached, and nothing was changed. */
  async leave(): Promise<boolean> {
    this.#state = 'leaving'
    const left = await this.#ways.signOut().catch(() => false)
    const ended = this.#ended()
    if (left) {
      this.#ways.stop()
      await this.#wipe()
    }
    if (left || ended) this.#go()
    else this.#state = 'here'
    return left
  }

  /** A tab that sleeps keeps the database from being deleted until it wakes: the rows go first, and the rest is not waited for. */
  #wipe(): Promise<void> {
    const { db } = this.#store
    const wiping = db.transaction('rw', db.tables, () => Promise.all(db.tables.map((table) => table.clear()))).then(() => db.delete())
    return new Promise((resolve) => {
      const cancel = this.#clock.after(WIPE_MS, resolve)
      void wiping.catch(reportError).finally(() => {
        cancel()
        resolve()
      })
    })
  }

  // Through a method, because the state may have changed while the request ran.
  #ended(): boolean {
    return this.#state === 'ended while leaving'
  }

  #go(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#ways.onSignedOut()
  }
}
