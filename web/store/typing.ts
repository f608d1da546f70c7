import { TYPING } from '#contract'
import type { Clock } from './clock.ts'
import { Value } from './value.ts'

/** By room, the ids of those who are writing. */
export type Writers = ReadonlyMap<string, readonly string[]>

/** Who is writing in which room, as far as one tab has heard; over after a while unless it is heard again. */
export class Typing {
  readonly shown = new Value<Writers>(new Map())
  readonly #clock: Clock
  readonly #ends = new Map<string, () => void>()
  /** By room and person, how many messages of theirs have come. */
  readonly #said = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  heard(conversationId: string, personId: string): void {
    const key = `${conversationId} ${personId}`
    this.#ends.get(key)?.()
    this.#ends.set(
      key,
      this.#clock.after(TYPING.overMs, () => this.ended(conversationId, personId)),
    )
    const writers = this.shown.current.get(conversationId) ?? []
    if (!writers.includes(personId)) this.#show(conversationId, [...writers, personId])
  }

  /** What they were writing is there. */
  ended(conversationId: string, personId: string): void {
    const key = `${conversationId} ${personId}`
    this.#said.set(key, this.said(conversationId, personId) + 1)
    this.#ends.get(key)?.()
    if (!this.#ends.delete(key)) return
    const writers = this.shown.current.get(conversationId) ?? []
    this.#show(
      conversationId,
      writers.filter((id) => id !== personId),
    )
  }

  /** Grows with every message of somebody's: what they write after it is another one. */
  said(conversationId: string, personId: string): number {
    return this.#said.get(`${conversationId} ${personId}`) ?? 0
  }

  stop(): void {
    for (const cancel of this.#ends.values()) cancel()
    this.#ends.clear()
    this.shown.set(new Map())
  }

  #show(conversationId: string, writers: readonly string[]): void {
    const next = new Map(this.shown.current)
    if (writers.length > 0) next.set(conversationId, writers)
    else next.delete(conversationId)
    this.shown.set(next)
  }
}
