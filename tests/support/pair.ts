import type { Wire, WireState } from '../../web/sync/wire.ts'

/** The server's end of one connection of a `Line`, in the shape that oRPC's handler takes. */
export class ServerEnd extends EventTarget {
  readonly #line: Line
  constructor(line: Line) {
    super()
    this.#line = line
  }
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    this.#line.carry(this, 'toClient', text(data))
  }
}

type Direction = 'toClient' | 'toServer'

/**
 * A socket between an engine and a server in one process, that a test opens and cuts. Text arrives in order, never in the call that sent it.
 * A direction that is held keeps its texts until it is let go; what is on its way when the line is cut is lost.
 */
export class Line extends EventTarget implements Wire {
  readonly #accept: (end: ServerEnd) => void
  readonly #held: Record<Direction, boolean> = { toClient: false, toServer: false }
  readonly #waiting: Record<Direction, string[]> = { toClient: [], toServer: [] }
  #end: ServerEnd | null = null
  #state: WireState = 'connecting'
  /** Sees every text before it is put on its way; what it returns false for is lost together with the connection. */
  passes: (direction: Direction, text: string) => boolean = () => true

  /** `accept` gets the server's end of every connection. */
  constructor(accept: (end: ServerEnd) => void) {
    super()
    this.#accept = accept
  }

  get state(): WireState {
    return this.#state
  }

  get readyState(): 1 | 3 {
    return this.#state === 'online' ? 1 : 3
  }

  connect(): void {
    if (this.#end) return
    this.#end = new ServerEnd(this)
    this.#accept(this.#end)
    this.#become('online')
    this.dispatchEvent(new Event('open'))
  }

  /** The connection ends; `final` for what the engine must not mend. */
  cut(final: 'waiting' | 'closed' | 'signedOut' | 'outdated' = 'waiting'): void {
    const end = this.#end
    this.#end = null
    for (const waiting of Object.values(this.#waiting)) waiting.length = 0
    this.#become(final)
    if (!end) return
    end.dispatchEvent(new Event('close'))
    this.dispatchEvent(new Event('close'))
  }

  hold(direction: Direction): void {
    this.#held[direction] = true
  }

  letGo(direction: Direction): void {
    this.#held[direction] = false
    this.#flush(direction)
  }

  /** How many texts a held direction keeps. */
  waiting(direction: Direction): number {
    return this.#waiting[direction].length
  }

  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    if (this.#end) this.carry(this.#end, 'toServer', text(data))
  }

  close(): void {
    this.cut('closed')
  }

  /** Puts a text on its way, if the connection is still the one that it belongs to. */
  carry(end: ServerEnd, direction: Direction, data: string): void {
    if (end !== this.#end) return
    if (!this.passes(direction, data)) return this.cut()
    this.#waiting[direction].push(data)
    queueMicrotask(() => this.#flush(direction))
  }

  #flush(direction: Direction): void {
    while (!this.#held[direction]) {
      const data = this.#waiting[direction].shift()
      if (data === undefined) return
      if (direction === 'toServer') this.#end?.dispatchEvent(new MessageEvent('message', { data }))
      else this.dispatchEvent(new MessageEvent(data.startsWith('[') ? 'push' : 'message', { data }))
    }
  }

  #become(state: WireState): void {
    if (state === this.#state) return
    this.#state = state
    this.dispatchEvent(new Event('state'))
  }
}

function text(data: unknown): string {
  if (typeof data !== 'string') throw new TypeError('only text goes over this line')
  return data
}
