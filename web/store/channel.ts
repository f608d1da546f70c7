/** Hands what one part of the tab asks to whoever serves it. */
export class Channel<T> {
  readonly #handlers = new Set<(message: T) => void>()

  /** False when nobody listens. */
  send(message: T): boolean {
    for (const handler of [...this.#handlers]) handler(message)
    return this.#handlers.size > 0
  }

  on(handler: (message: T) => void): () => void {
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }
}
