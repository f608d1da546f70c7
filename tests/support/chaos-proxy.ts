import { connect, createServer, type Socket } from 'node:net'

/**
 * What is done to the bytes of one connection from now on. `swallow`: taken and never passed on, as by a path that died without a word; a
 * connection that has lost bytes stays dead, whatever the weather.
 */
export type Weather =
  | { readonly kind: 'clear' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  | { readonly kind: 'swallow' }

/** What a throttled connection holds before it takes no more. */
const NARROW_BYTES = 64 * 1024

type Direction = 'up' | 'down'
type Piece = { readonly bytes: Buffer; readonly at: number }

/** One connection through the proxy. Connections overtake each other as their weathers differ; the bytes of one never change places. */
export class ProxiedConnection {
  readonly number: number
  readonly #ends: Record<Direction, Socket>
  readonly #pieces: Record<Direction, Piece[]> = { up: [], down: [] }
  readonly #timers: Partial<Record<Direction, Timer>> = {}
  readonly #held: Record<Direction, number> = { up: 0, down: 0 }
  readonly #weather: Record<Direction, Weather> = { up: { kind: 'clear' }, down: { kind: 'clear' } }
  #cut = false

  constructor(number: number, client: Socket, server: Socket) {
    this.number = number
    this.#ends = { up: server, down: client }
    client.on('data', (bytes: Buffer) => this.#take('up', bytes))
    server.on('data', (bytes: Buffer) => this.#take('down', bytes))
    for (const end of [client, server]) {
      end.setNoDelay(true)
      end.on('error', () => this.cut())
      // Each end closes when the other has; what was still on its way is lost with it, as on a real path.
      end.on('close', () => this.cut())
    }
  }

  get open(): boolean {
    return !this.#cut
  }

  /** From now on, one way or both; what waits in an older weather keeps its turn. */
  set(weather: Weather, direction?: Direction): void {
    for (const one of direction ? [direction] : (['up', 'down'] as const)) {
      if (this.#weather[one].kind === 'swallow') continue
      this.#weather[one] = weather
      this.#flow(one)
    }
  }

  /** Both ends are reset. A swallowing connection can be cut without either end having heard of it before. */
  cut(): void {
    if (this.#cut) return
    this.#cut = true
    for (const timer of Object.values(this.#timers)) clearTimeout(timer)
    for (const end of Object.values(this.#ends)) end.resetAndDestroy()
  }

  #take(direction: Direction, bytes: Buffer): void {
    const weather = this.#weather[direction]
    if (weather.kind === 'swallow' || this.#cut) return
    const pieces = this.#pieces[direction]
    this.#held[direction] += bytes.length
    const now = performance.now()
    const before = pieces.at(-1)?.at ?? now
    switch (weather.kind) {
      case 'clear':
        pieces.push({ bytes, at: now })
        break
      case 'delay':
        pieces.push({ bytes, at: Math.max(before, now + weather.ms) })
        break
      case 'throttle': {
        // In pieces of a twentieth of a second, so that frames arrive torn.
        const size = Math.max(1, Math.floor(weather.bytesPerSecond / 20))
        let at = Math.max(before, now)
        for (let from = 0; from < bytes.length; from += size) pieces.push({ bytes: bytes.subarray(from, from + size), at: (at += 50) })
        // A narrow path takes no more than it can hold: the sender feels it.
        if (this.#held[direction] > NARROW_BYTES) this.#source(direction).pause()
      }
    }
    this.#flow(direction)
  }

  #flow(direction: Direction): void {
    clearTimeout(this.#timers[direction])
    const pieces = this.#pieces[direction]
    const { kind } = this.#weather[direction]
    if (kind === 'swallow') {
      pieces.length = 0
      this.#source(direction).resume()
    }
    for (;;) {
      const [next] = pieces
      if (!next || this.#cut) return
      const waitMs = kind === 'clear' ? 0 : next.at - performance.now()
      if (waitMs > 0) {
        this.#timers[direction] = setTimeout(() => this.#flow(direction), waitMs)
        return
      }
      pieces.shift()
      this.#held[direction] -= next.bytes.length
      if (this.#held[direction] <= NARROW_BYTES) this.#source(direction).resume()
      this.#ends[direction].write(next.bytes)
    }
  }

  #source(direction: Direction): Socket {
    return this.#ends[direction === 'up' ? 'down' : 'up']
  }
}

/** What happens to a new connection: `refuse` resets it, `hang` accepts it and never answers. */
export type Door = 'open' | 'refuse' | 'hang'

export type ChaosProxy = {
  readonly port: number
  /** Those that are open, oldest first. */
  readonly connections: readonly ProxiedConnection[]
  door: Door
  /** Called for every new connection before its first byte; the place for a script. */
  onConnection: (connection: ProxiedConnection) => void
  setAll(weather: Weather): void
  cutAll(): void
  stop(): Promise<void>
}

/** A TCP proxy on 127.0.0.1 that does to connections what networks do, as a test says. */
export async function startChaosProxy(target: { port: number; host?: string }): Promise<ChaosProxy> {
  const connections = new Set<ProxiedConnection>()
  const hanging = new Set<Socket>()
  let count = 0
  const server = createServer((client) => {
    client.on('error', () => client.destroy())
    if (proxy.door === 'refuse') return void client.resetAndDestroy()
    if (proxy.door === 'hang') {
      hanging.add(client.on('close', () => hanging.delete(client)).resume())
      return
    }
    const connection = new ProxiedConnection(++count, client, connect(target.port, target.host ?? '127.0.0.1'))
    connections.add(connection)
    client.on('close', () => connections.delete(connection))
    proxy.onConnection(connection)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const proxy: ChaosProxy = {
    port: address.port,
    get connections() {
      return [...connections]
    },
    door: 'open',
    onConnection: () => {},
    setAll(weather) {
      for (const connection of connections) connection.set(weather)
    },
    cutAll() {
      for (const connection of connections) connection.cut()
      for (const client of hanging) client.resetAndDestroy()
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      proxy.cutAll()
      await closed
    },
  }
  return proxy
}
