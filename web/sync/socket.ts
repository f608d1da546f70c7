import { Websocket } from 'websocket-ts'
import { CLOSE, HEARTBEAT } from '#contract'
import { type Clock, systemClock } from '../store/clock.ts'
import { Patience } from './backoff.ts'
import type { SocketOptions } from './options.ts'
import { Pulse } from './pulse.ts'
import { type Signal, watchSignals } from './signals.ts'
import { Timers } from './timers.ts'
import type { Wire, WireState } from './wire.ts'

const CONNECT_MS = 10_000
/** A connection that ends sooner has not proven that the server is well: the next one waits longer. */
const STABLE_MS = 5_000
/** A try that is older than this when the network is back hangs. */
const HANGS_MS = 1_000
/** The patience with a silent connection when the reader or the network is back: somebody waits to see what has happened meanwhile. */
const BACK_DEAD_MS = 2_500
/** A page that has not even heard its own heartbeat for so many of them was frozen. */
const FROZEN_BEATS = 4

/**
 * websocket-ts with what it lacks: a heartbeat, a limit for connecting, a retry now, final close codes. An instance of it that hangs is
 * left behind and a new one is made, because a browser may take a minute to close a half-open connection.
 */
export class Socket extends EventTarget implements Wire {
  readonly #options: SocketOptions
  readonly #clock: Clock
  readonly #connectMs: number
  readonly #patience: Patience
  #socket: Websocket
  /** Events of an instance that was left behind are nobody's. */
  #generation = 0
  #triedAt = 0
  readonly #timers: Timers<'connect' | 'settle'>
  readonly #pulse: Pulse
  readonly #unwatch: () => void
  #state: WireState = 'connecting'

  constructor(options: SocketOptions) {
    super()
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#connectMs = options.connectMs ?? CONNECT_MS
    this.#timers = new Timers(this.#clock)
    this.#pulse = new Pulse(this.#clock, options, { ask: () => this.#socket.send(HEARTBEAT.ping), onDead: () => this.#rebuild() })
    this.#patience = new Patience(options.random ?? Math.random)
    this.#socket = this.#build()
    this.#unwatch = watchSignals(options.signals ?? globalThis, (signal) => this.#signalled(signal))
  }

  get state(): WireState {
    return this.#state
  }

  get readyState(): 1 | 3 {
    return this.#state === 'online' ? 1 : 3
  }

  send(data: Parameters<Websocket['send']>[0]): void {
    this.#socket.send(data)
    this.#pulse.sent()
  }

  close(): void {
    this.#end('closed')
  }

  #build(): Websocket {
    const generation = ++this.#generation
    // A throwing listener would keep websocket-ts from ever trying again.
    const mine =
      <T extends unknown[]>(listener: (...values: T) => void) =>
      (...values: T) => {
        if (generation !== this.#generation) return
        try {
          listener(...values)
        } catch (error) {
          reportError(error)
        }
      }
    this.#trying()
    // Not by its builder, which is as large as all that is used of it.
    const socket = new Websocket(this.#options.url, undefined, { retry: { backoff: this.#patience } })
    socket.addEventListener(
      'open',
      mine(() => this.#opened()),
    )
    socket.addEventListener(
      'close',
      mine((_: Websocket, event: CloseEvent) => this.#closed(event.code)),
    )
    socket.addEventListener(
      'retry',
      mine(() => this.#trying()),
    )
    socket.addEventListener(
      'message',
      mine((_: Websocket, event: MessageEvent<unknown>) => this.#heard(event.data)),
    )
    return socket
  }

  #trying(): void {
    this.#triedAt = this.#clock.now()
    this.#timers.clear()
    this.#timers.set('connect', this.#connectMs, () => this.#rebuild())
    this.#become('connecting')
  }

  #opened(): void {
    this.#timers.clear()
    this.#timers.set('settle', STABLE_MS, () => this.#patience.settled())
    this.#pulse.start()
    this.#become('online')
    this.dispatchEvent(new Event('open'))
  }

  #heard(data: unknown): void {
    this.#pulse.heard()
    if (typeof data !== 'string') return
    const first = data.charAt(0)
    if (first === '{') this.dispatchEvent(new MessageEvent('message', { data }))
    else if (first === '[') this.dispatchEvent(new MessageEvent('push', { data }))
  }

  #closed(code: number): void {
    if (code === CLOSE.signedOut || code === CLOSE.outdated) return this.#end(code === CLOSE.outdated ? 'outdated' : 'signedOut')
    if (this.#state === 'connecting') this.#checkSession()
    this.#down('waiting')
  }

  #checkSession(): void {
    const generation = this.#generation
    this.#options.hasSession?.().then(
      (known) => {
        if (!known && generation === this.#generation && this.#state !== 'online') this.#end('signedOut')
      },
      () => undefined,
    )
  }

  #signalled(signal: Signal): void {
    const now = this.#clock.now()
    if (signal !== 'back') this.#pulse.browserSays(signal, this.#state === 'online')
    switch (this.#state) {
      case 'online':
        // What a connection has lost meanwhile cannot be told: a new one catches up.
        if (this.#pulse.missed > FROZEN_BEATS) return this.#rebuild()
        return signal === 'offline' ? undefined : this.#pulse.probe(BACK_DEAD_MS)
      case 'connecting':
        if (signal === 'offline') return
        // A try from before the network was back hangs. One that has just begun may be as good as a new one, or hang, too.
        if (signal === 'online' && now - this.#triedAt > HANGS_MS) return this.#rebuild()
        return this.#timers.set('connect', Math.min(BACK_DEAD_MS, this.#triedAt + this.#connectMs - now), () => this.#rebuild())
      case 'waiting':
        return signal === 'offline' ? undefined : this.#rebuild()
      case 'closed':
      case 'signedOut':
      case 'outdated':
        return
    }
  }

  #rebuild(): void {
    const hanging = this.#socket
    this.#generation++
    this.#down('waiting')
    hanging.close()
    this.#socket = this.#build()
  }

  #end(state: 'closed' | 'signedOut' | 'outdated'): void {
    this.#generation++
    this.#socket.close()
    this.#unwatch()
    this.#down(state)
  }

  #down(state: WireState): void {
    this.#timers.clear()
    this.#pulse.stop()
    const wasOnline = this.#state === 'online'
    this.#become(state)
    if (wasOnline) this.dispatchEvent(new Event('close'))
  }

  #become(state: WireState): void {
    if (state === this.#state) return
    this.#state = state
    this.dispatchEvent(new Event('state'))
  }
}
