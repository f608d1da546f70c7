import type { Clock } from '../store/clock.ts'
import type { Connection } from '../store/store.ts'
import type { Value } from '../store/value.ts'

/** A shorter interruption is not worth a word. */
const OFFLINE_AFTER_MS = 3_000

/** What the reader is told of the connection. */
export class Status {
  readonly #shown: Value<Connection>
  readonly #clock: Clock
  readonly #hasNetwork: () => boolean
  /** When the trying began; null: it has succeeded. */
  #since: number | null = null
  #cancel: (() => void) | null = null

  constructor(shown: Value<Connection>, clock: Clock, hasNetwork: () => boolean) {
    this.#shown = shown
    this.#clock = clock
    this.#hasNetwork = hasNetwork
  }

  online(): void {
    this.#cancel?.()
    this.#since = null
    this.#shown.set('online')
  }

  /** Not connected, or connected and without an answer. */
  trying(): void {
    this.#cancel?.()
    this.#since ??= this.#clock.now()
    const restMs = this.#since + OFFLINE_AFTER_MS - this.#clock.now()
    if (restMs <= 0 || !this.#hasNetwork()) return this.#shown.set('offline')
    this.#shown.set('connecting')
    this.#cancel = this.#clock.after(restMs, () => this.trying())
  }

  stop(): void {
    this.#cancel?.()
  }
}
