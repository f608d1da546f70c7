/** Five seconds after everything is well again every tab shows it, and nothing waits any more: a wait has to leave time for what comes after it. */
const LONGEST_MS = 4_000

/**
 * Milliseconds until the next try: a random part of a time that doubles with every failed one. The whole range is random, so that a
 * thousand tabs that lost one server do not come back in step.
 */
export function backoffMs(failures: number, random: () => number, baseMs = 250): number {
  return random() * Math.min(LONGEST_MS, baseMs * 2 ** Math.min(failures, 20))
}

/** Backoff of one connection, in the shape that websocket-ts asks for. */
export class Patience {
  retries = 0
  current = 0
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  next(): number {
    this.current = backoffMs(this.retries++, this.#random)
    return this.current
  }

  /** Called for every connection that opens, also for one that is closed right away: that proves nothing, see `settled`. */
  reset(): void {}

  /** The connection has proven itself. */
  settled(): void {
    this.retries = 0
    this.current = 0
  }
}
