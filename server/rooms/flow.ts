import type { Socket } from './sockets.ts'

/** What a socket, and all sockets of one person together, may send: so much at once, and so much in every second after that. */
const PER_SOCKET = { burst: 300, perSecond: 50 }
const PER_PERSON = { burst: 2_000, perSecond: 100 }
/** A frame costs one, and one more for every so many units: reading it takes that much longer. */
const UNITS_PER_TOKEN = 16 * 1024
/** What may be refused before the socket is closed: a client that waits as long as it is told to never gets there. */
const PATIENCE = { burst: 100, perSecond: 10 }
/** The same for all sockets of a person: whoever comes back to go on is cut off sooner every time. */
const PATIENCE_WITH_PERSON = { burst: 1_000, perSecond: 50 }
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
  readonly #sockets = new WeakMap<Socket, Buckets>()
  readonly #persons = new Map<string, Buckets>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  take(socket: Socket, frame: string | Uint8Array): Verdict {
    const now = this.#now()
    const both = [this.#ofSocket(socket, now), this.#ofPerson(socket.data.person.id, now)] as const
    const cost = 1 + Math.floor(frame.length / UNITS_PER_TOKEN)
    const waitMs = Math.max(...both.map(({ calls }) => calls.waitMs(cost, now)))
    if (waitMs === 0) {
      for (const { calls } of both) calls.take(cost)
      return GRANTED
    }
    const refusal = cost === 1 ? 1 : cost * REFUSAL_COST
    if (both.some(({ refusals }) => refusals.waitMs(refusal, now) > 0)) return { kind: 'too many' }
    for (const { refusals } of both) refusals.take(refusal)
    return { kind: 'refused', retryAfterMs: Math.max(LEAST_WAIT_MS, Math.ceil(waitMs)) }
  }

  #ofSocket(socket: Socket, now: number): Buckets {
    let buckets = this.#sockets.get(socket)
    if (!buckets) this.#sockets.set(socket, (buckets = { calls: new Bucket(PER_SOCKET, now), refusals: new Bucket(PATIENCE, now) }))
    return buckets
  }

  // A person's buckets outlive the sockets, or a new socket would be a new start. Those that are full say nothing and can go.
  #ofPerson(personId: string, now: number): Buckets {
    let buckets = this.#persons.get(personId)
    if (buckets) return buckets
    if (this.#persons.size >= MAX_PERSONS) {
      for (const [id, { calls, refusals }] of this.#persons) if (calls.isFull(now) && refusals.isFull(now)) this.#persons.delete(id)
    }
    this.#persons.set(personId, (buckets = { calls: new Bucket(PER_PERSON, now), refusals: new Bucket(PATIENCE_WITH_PERSON, now) }))
    return buckets
  }
}

type Buckets = { readonly calls: Bucket; readonly refusals: Bucket }

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
