/**
 * Milliseconds until the next try: a random part of a time that doubles with every failed one. The whole range is random, so that a
 * thousand tabs that lost one server do not come back in step.
 */
export function backoffMs(failures: number, random: () => number, baseMs = 250, capMs = 15_000): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(failures, 20))
}

/** A restart takes seconds: readers must not look at a standing answer for longer than that. */
const CONNECT_CAP_MS = 5_000

/** Backoff of one connection, in the shape that websocket-ts asks for. */
export class Patience {
  retries = 0
  current = 0
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  next(): number {
    this.current = backoffMs(this.retries++, this.#random, 250, CONNECT_CAP_MS)
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
