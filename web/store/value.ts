/** A value of this tab that is not a row: it can be read, set and watched. */
export class Value<T> {
  #current: T
  readonly #listeners = new Set<() => void>()

  constructor(initial: T) {
    this.#current = initial
  }

  get current(): T {
    return this.#current
  }

  set(next: T): void {
    if (Object.is(next, this.#current)) return
    this.#current = next
    for (const listener of [...this.#listeners]) listener()
  }

  /** Calls back after every change; the result ends it. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
