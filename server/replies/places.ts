import { unlessAborted } from './pause.ts'

/** So many replies at once over all rooms. Who waits is let in person by person, so that many rooms of one person do not keep the others out. */
export class Places {
  #free: number
  /** By person, whose turn is first; nobody waits while there is a place. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>[]>()

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when there is a place, which has to be given back. Rejects with the signal's reason, without one. */
  async take(personId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free--
      return
    }
    const mine = Promise.withResolvers<void>()
    const others = this.#waiting.get(personId)
    if (others) others.push(mine)
    else this.#waiting.set(personId, [mine])
    try {
      await unlessAborted(mine.promise, signal)
    } catch (error) {
      // Aborted in the moment in which the place came: the next one has it.
      if (!this.#forget(personId, mine)) this.giveBack()
      throw error
    }
  }

  giveBack(): void {
    const [first] = this.#waiting
    if (!first) {
      this.#free++
      return
    }
    const [personId, [next, ...rest]] = first
    this.#waiting.delete(personId)
    // Behind everybody else who waits.
    if (rest.length > 0) this.#waiting.set(personId, rest)
    next?.resolve()
  }

  #forget(personId: string, mine: PromiseWithResolvers<void>): boolean {
    const waiting = this.#waiting.get(personId) ?? []
    const index = waiting.indexOf(mine)
    if (index < 0) return false
    waiting.splice(index, 1)
    if (waiting.length === 0) this.#waiting.delete(personId)
    return true
  }
}
