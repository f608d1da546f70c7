import type { Clock } from '../store/clock.ts'

/** Timers by name: setting one again replaces it. */
export class Timers<Name extends string> {
  readonly #clock: Clock
  readonly #running = new Map<Name, () => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(name: Name, delayMs: number, task: () => void): void {
    this.#running.get(name)?.()
    this.#running.set(name, this.#clock.after(delayMs, task))
  }

  clear(): void {
    for (const cancel of this.#running.values()) cancel()
    this.#running.clear()
  }
}
