import type { Asked } from './parts.ts'
import { Pace } from './pace.ts'
import { pause, unlessAborted } from './pause.ts'
import { Places } from './places.ts'

/** What is waited for may be over sooner than was said: the owner has changed the pace. */
const LOOK_EVERY_MS = 2_000
/** A time that was told is told again when it is wrong by more than this. */
const WRONG_MS = 1_000

export type StartOptions = {
  /** Replies that may be written at once, over all rooms. */
  readonly atOnce: number
  /** Questions that one person may ask within a minute; null: any number. */
  readonly perMinute: () => number | null
  /** A reply waits until then because of the pace; null: not any more. */
  readonly told: (reply: Asked, retryAt: Date | null) => Promise<void>
}

/** Where a reply stands between its turn in its room and the model. */
export type Start = {
  /** Resolves when the model may be asked; false: the prompt was taken back meanwhile. Rejects with the signal's reason. */
  enter(): Promise<boolean>
  /** Leaves the place to others until something else has ended; then it has to enter again. Never rejects; a stop ends it, and a taking back. */
  aside(until: Promise<void>): Promise<void>
  /** The reply has ended. */
  leave(): void
}

type Standing = { readonly takenBack: AbortController; asking: boolean }

/** When replies that have their turn in their room may ask: at their person's pace, and when there is a place among those that are written. */
export class Starts {
  readonly #options: StartOptions
  readonly #places: Places
  readonly #pace = new Pace()
  readonly #standing = new Map<string, Standing>()
  /** Replies that somebody is about to change: nobody may ask for them until that is done. */
  readonly #held = new Map<string, PromiseWithResolvers<void>>()

  constructor(options: StartOptions) {
    this.#options = options
    this.#places = new Places(options.atOnce)
  }

  /** How many may ask by now. */
  get asking(): number {
    let count = 0
    for (const { asking } of this.#standing.values()) if (asking) count++
    return count
  }

  /** Whether the model may be being asked for a reply. */
  isAsking(id: string): boolean {
    return this.#standing.get(id)?.asking ?? false
  }

  start(reply: Asked, stop: AbortSignal): Start {
    const standing: Standing = { takenBack: new AbortController(), asking: false }
    this.#standing.set(reply.id, standing)
    const signal = AbortSignal.any([stop, standing.takenBack.signal])
    let [counted, placed] = [false, false]
    const stepBack = () => {
      if (placed) this.#places.giveBack()
      placed = standing.asking = false
    }
    return {
      enter: async () => {
        try {
          const person = reply.askedBy?.id ?? ''
          if (!counted) await this.#atPace(reply, person, signal)
          counted = true
          await this.#places.take(person, signal)
          placed = true
          for (let held; (held = this.#held.get(reply.id));) await unlessAborted(held.promise, signal)
          signal.throwIfAborted()
          standing.asking = true
          return true
        } catch (error) {
          if (stop.aborted || !standing.takenBack.signal.aborted) throw error
          return false
        }
      },
      aside: async (until) => {
        stepBack()
        await unlessAborted(until, signal).catch(() => {})
      },
      leave: () => {
        stepBack()
        if (this.#standing.get(reply.id) === standing) this.#standing.delete(reply.id)
      },
    }
  }

  /**
   * Keeps the model from being asked for these replies until the returned function is called, with whether they have been taken back. null: it
   * is being asked for one of them already. One change of a room at a time may do so.
   */
  hold(ids: readonly string[]): ((takenBack: boolean) => void) | null {
    if (ids.some((id) => this.isAsking(id))) return null
    for (const id of ids) this.#held.set(id, Promise.withResolvers())
    return (takenBack) => {
      for (const id of ids) {
        if (takenBack) this.#standing.get(id)?.takenBack.abort()
        this.#held.get(id)?.resolve()
        this.#held.delete(id)
      }
    }
  }

  async #atPace(reply: Asked, person: string, signal: AbortSignal): Promise<void> {
    let toldMs: number | null = null
    for (;;) {
      const waitMs = this.#pace.take(person, this.#options.perMinute())
      if (waitMs === 0) break
      const untilMs = Date.now() + waitMs
      if (toldMs === null || Math.abs(untilMs - toldMs) > WRONG_MS) {
        toldMs = untilMs
        void this.#options.told(reply, new Date(untilMs))
      }
      await pause(Math.min(waitMs, LOOK_EVERY_MS), signal)
    }
    // In its turn after what was told before, so that nobody sees it wait who hears it speak.
    if (toldMs !== null) await unlessAborted(this.#options.told(reply, null), signal)
  }
}
