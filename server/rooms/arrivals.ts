/** Somebody at the door: while it is looked up whether they may come in, that may come to an end. */
export type Arrival = {
  /** Whether anything of these ids has ended since. */
  hasEnded(...ids: readonly string[]): boolean
  over(): void
}

/** Who is at the door of a process. What is open is closed when its time is over; this is for what was about to be opened. */
export class Arrivals {
  readonly #waiting = new Set<Set<string>>()

  /** To be called before the database is asked; its answer may be of a time before the end. */
  arrive(): Arrival {
    const ended = new Set<string>()
    this.#waiting.add(ended)
    return {
      hasEnded: (...ids) => ids.some((id) => ended.has(id)),
      over: () => void this.#waiting.delete(ended),
    }
  }

  /** A session, a link, a person or a room: nobody comes in by it any more. */
  end(id: string): void {
    for (const ended of this.#waiting) ended.add(id)
  }
}
