import type { Socket } from './sockets.ts'

/** What a socket, and all sockets of one person together, may send: so much at once, and so much in every second after that. */
const PER_SOCKET = { burst: 300, perSecond: 50 }
const PER_PERSON = { burst: 2_000, perSecond: 200 }
/** A frame costs one, and one more for every so many units: reading it takes that much longer. */
const UNITS_PER_TOKEN = 16 * 1024
/** What may be refused before the socket is closed: a client that waits as long as it is told to never gets there. */
const PATIENCE = { burst: 100, perSecond: 10 }
const LEAST_WAIT_MS = 250
/** Reading what is refused anyway is dear: the largest frame is refused once. */
const REFUSAL_COST = 3
const MAX_PERSONS = 1_000

export type Verdict =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly retryAfterMs: number }
  | { readonly kind: 'too many' }

const GRANTED: Verdict = { kind: 'granted' }

/** How much may come in, by socket and by person. A flood is refused with a word before it is looked at, and cut off when it does not ebb. */
export class Flow {
  readonly #sockets = new WeakMap<Socket, { readonly calls: Bucket; readonly refusals: Bucket }>()
  readonly #persons = new Map<string, Bucket>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  take(socket: Socket, frame: string | Uint8Array): Verdict {
    const now = this.#now()
    const state = this.#stateOf(socket, now)
    const cost = 1 + Math.floor(frame.length / UNITS_PER_TOKEN)
    const person = this.#bucketOf(socket.data.person.id, now)
    const waitMs = Math.max(state.calls.waitMs(cost, now), person.waitMs(cost, now))
    if (waitMs === 0) {
      state.calls.take(cost)
      person.take(cost)
      return GRANTED
    }
    const refusal = cost === 1 ? 1 : cost * REFUSAL_COST
    if (state.refusals.waitMs(refusal, now) > 0) return { kind: 'too many' }
    state.refusals.take(refusal)
    return { kind: 'refused', retryAfterMs: Math.max(LEAST_WAIT_MS, Math.ceil(waitMs)) }
  }

  #stateOf(socket: Socket, now: number) {
    let state = this.#sockets.get(socket)
    if (!state) this.#sockets.set(socket, (state = { calls: new Bucket(PER_SOCKET, now), refusals: new Bucket(PATIENCE, now) }))
    return state
  }

  // A bucket outlives its person's sockets, or a new socket would be a new start. One that is full says nothing and can go.
  #bucketOf(personId: string, now: number): Bucket {
    let bucket = this.#persons.get(personId)
    if (bucket) return bucket
    if (this.#persons.size >= MAX_PERSONS) for (const [id, other] of this.#persons) if (other.isFull(now)) this.#persons.delete(id)
    this.#persons.set(personId, (bucket = new Bucket(PER_PERSON, now)))
    return bucket
  }
}

class Bucket {
  readonly #size: { readonly burst: number; readonly perSecond: number }
  #tokens: number
  #at: number

  constructor(size: { burst: number; perSecond: number }, now: number) {
    this.#size = size
    this.#tokens = size.burst
    this.#at = now
  }

  /** Milliseconds until so many tokens are there; 0: now. */
  waitMs(count: number, now: number): number {
    this.#fill(now)
    return Math.max(0, ((count - this.#tokens) / this.#size.perSecond) * 1_000)
  }

  take(count: number): void {
    this.#tokens -= count
  }

  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens === this.#size.burst
  }

  #fill(now: number): void {
    const { burst, perSecond } = this.#size
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1_000) * perSecond)
    this.#at = now
  }
}
