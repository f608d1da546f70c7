/** What each person may have done once at a time, and what only the newest wish counts of. */
export class Turns {
  /** Of everybody whose turn it is: how to say to the one that waits whether it comes to it. */
  readonly #waiting = new Map<string, ((mine: boolean) => void) | null>()

  /** Does `work` when what the same person had done before has ended. null: something newer of theirs has taken its place in the line of one. */
  async take<T>(personId: string, work: () => Promise<T>): Promise<T | null> {
    const before = this.#waiting.get(personId)
    if (before === undefined) this.#waiting.set(personId, null)
    else {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      before?.(false)
      this.#waiting.set(personId, resolve)
      if (!(await promise)) return null
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.get(personId)
      // It is taken from the line here, not when it comes to: in between somebody may stand in line behind it.
      if (next) this.#waiting.set(personId, null)
      else this.#waiting.delete(personId)
      next?.(true)
    }
  }
}
