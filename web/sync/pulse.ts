import { HEARTBEAT } from '#contract'
import type { Clock } from '../store/clock.ts'
import { Timers } from './timers.ts'

/** What was sent is answered sooner than this, or the connection is asked whether it still is one. */
const DOUBT_MS = 2_500
/** How a connection is asked while the browser says that there is no network: an answer may still have come through just before that was true. */
const OFFLINE = { everyMs: 2_000, deadMs: 1_000 } as const

type Ends = {
  /** Asks the other end for a sign of life. */
  ask(): void
  /** None came. */
  onDead(): void
}

/** Whether the other end of a connection is still there: it is asked now and then, and when somebody waits for it. */
export class Pulse {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #deadMs: number
  readonly #ends: Ends
  readonly #timers: Timers<'beat' | 'doubt' | 'dead'>
  #heardAt = 0
  #askedAt = 0
  #deadAt = Number.POSITIVE_INFINITY
  /** Nothing was heard since something was sent. */
  #unanswered = false
  #offline = false

  constructor(clock: Clock, { everyMs = HEARTBEAT.everyMs, deadMs = HEARTBEAT.deadMs }: { everyMs?: number; deadMs?: number }, ends: Ends) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#deadMs = deadMs
    this.#ends = ends
    this.#timers = new Timers(clock)
  }

  /** How many beats long nothing was heard. */
  get missed(): number {
    return (this.#clock.now() - this.#heardAt) / this.#everyMs
  }

  /** A connection begins. */
  start(): void {
    this.stop()
    this.heard()
    this.#beat()
  }

  stop(): void {
    this.#timers.clear()
    this.#deadAt = Number.POSITIVE_INFINITY
    this.#unanswered = false
  }

  /** The browser says that there is no network, or that there is one again; `asks`: there is a connection, which is asked at once. */
  browserSays(network: 'offline' | 'online', asks: boolean): void {
    this.#offline = network === 'offline'
    if (!asks || !this.#offline) return
    this.probe(OFFLINE.deadMs)
    this.#beat()
  }

  heard(): void {
    this.#heardAt = this.#clock.now()
    this.#unanswered = false
  }

  /** Something was sent that is answered. */
  sent(): void {
    if (this.#unanswered) return
    this.#unanswered = true
    this.#timers.set('doubt', DOUBT_MS, () => {
      if (this.#unanswered) this.probe()
    })
  }

  /** Asks now; nothing for at most `withinMs` means that nobody is there. */
  probe(withinMs: number = this.#deadMs): void {
    const askedAt = this.#clock.now()
    const deadMs = Math.min(withinMs, this.#deadMs)
    this.#ends.ask()
    // An earlier question keeps its earlier end, but only while it is unanswered.
    const unanswered = this.#heardAt < this.#askedAt
    if (unanswered && askedAt + deadMs >= this.#deadAt) return
    this.#askedAt = askedAt
    this.#deadAt = askedAt + deadMs
    this.#timers.set('dead', deadMs, () => {
      this.#deadAt = Number.POSITIVE_INFINITY
      if (this.#heardAt < askedAt) this.#ends.onDead()
    })
  }

  #beat(): void {
    this.#timers.set('beat', this.#offline ? OFFLINE.everyMs : this.#everyMs, () => {
      this.probe(this.#offline ? OFFLINE.deadMs : this.#deadMs)
      this.#beat()
    })
  }
}
