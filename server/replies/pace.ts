const MINUTE_MS = 60_000
/** As many people as that ask within a minute are remembered without a look at who can be forgotten. */
const PEOPLE = 1_000

/** How often each person has asked the model within the last minute. */
export class Pace {
  readonly #asked = new Map<string, number[]>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Milliseconds until a person may ask again; 0: now, and it is counted. `most`: questions in any minute; null: any number. */
  take(personId: string, most: number | null): number {
    const now = this.#now()
    const recent = (this.#asked.get(personId) ?? []).filter((at) => now - at < MINUTE_MS)
    const first = most === null ? undefined : recent[recent.length - most]
    if (first !== undefined) return first + MINUTE_MS - now
    recent.push(now)
    this.#asked.set(personId, recent)
    if (this.#asked.size > PEOPLE) this.#forget(now)
    return 0
  }

  #forget(now: number): void {
    for (const [personId, times] of this.#asked) if (now - (times.at(-1) ?? 0) >= MINUTE_MS) this.#asked.delete(personId)
  }
}
