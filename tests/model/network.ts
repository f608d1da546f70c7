import type { ServerWebSocket, WebSocketHandler } from 'bun'
import type { Reader } from '../../server/rooms/readers.ts'
import type { Connection as SocketData } from '../../server/rooms/sockets.ts'
import { after, between, chance } from './realm.ts'

/*
 * The net between browsers and one server: a global WebSocket for the client's real socket, and what Bun hands to the server's real handlers.
 * Text goes in order within a connection and takes its time; a connection may be cut, go silent, or be held up.
 */
const LATENCY_MS = [0.3, 25] as const
/** So many texts may wait for a reader that takes none before the server closes its socket. */
const BACKPRESSURE = 60
/** A browser that closes a silent connection hears of its end much later. */
const CLOSING_MS = 60_000
/** And the server closes what has been silent for so long. */
const IDLE_MS = 120_000

/** Hears of every text that is delivered, for whoever wants to read a run. */
export const watch: { carried: ((link: string, direction: Direction, text: string) => void) | null } = { carried: null }

type Direction = 'toClient' | 'toServer'

/** Who accepts connections, if anybody does. */
export interface Listener {
  /** The data of a socket that is accepted; null: refused. */
  accept(link: Link): SocketData | null
  readonly handlers: WebSocketHandler<SocketData | Reader>
  /** An effect on the world outside; false: this server has ended, nothing leaves it any more. */
  effect(): boolean
  readonly topics: Map<string, Set<ServerEnd>>
  readonly connections: Set<Connection>
}

/** One tab's way to the server. */
export class Link {
  readonly name: string
  readonly #listener: () => Listener | null
  /** `refusing`: the browser knows that there is no network. `swallowing`: nobody says anything. */
  state: 'up' | 'refusing' | 'swallowing' = 'up'
  readonly held: Record<Direction, boolean> = { toClient: false, toServer: false }
  connection: Connection | null = null
  /** Of the next broadcasts to this tab, what happens to the first of such a kind. */
  readonly fates: { kind: string; fate: 'dropped' | 'doubled' }[] = []

  constructor(name: string, listener: () => Listener | null) {
    this.name = name
    this.#listener = listener
  }

  get listener(): Listener | null {
    return this.#listener()
  }

  hold(direction: Direction): void {
    this.held[direction] = true
  }

  release(): void {
    this.held.toClient = false
    this.held.toServer = false
    this.connection?.pump()
  }
}

const links = new Map<string, Link>()

export function addLink(link: Link): void {
  links.set(link.name, link)
}

export function forgetLinks(): void {
  links.clear()
}

/** The browser's WebSocket. Its address names the link: `ws://<link>/rpc`. */
export class ClientEnd extends EventTarget {
  static readonly OPEN = 1
  readonly OPEN = 1
  readyState = 0
  binaryType = 'blob'
  readonly url: string
  connection: Connection | null = null

  constructor(url: string) {
    super()
    this.url = url
    const link = links.get(new URL(url).hostname)
    if (!link) throw new Error(`no link ${url}`)
    after(between(...LATENCY_MS), () => this.#dial(link))
  }

  #dial(link: Link): void {
    if (this.readyState !== 0) return
    switch (link.state) {
      case 'swallowing':
        return
      case 'refusing':
        return this.closed(1006)
      case 'up': {
        const listener = link.listener
        const data = listener?.accept(link)
        if (!listener || !data) return this.closed(1006)
        this.connection = new Connection(link, listener, this, data)
        link.connection = this.connection
        this.readyState = 1
        this.connection.begin()
        this.dispatchEvent(new Event('open'))
      }
    }
  }

  send(data: string | Uint8Array): void {
    if (this.readyState === 1 && typeof data === 'string') this.connection?.put('toServer', data)
  }

  close(code = 1000): void {
    if (this.readyState >= 2) return
    this.readyState = 2
    const { connection } = this
    if (!connection) return this.#later(1006, between(...LATENCY_MS))
    connection.endByClient(code)
    this.#later(code, connection.silent ? CLOSING_MS : between(...LATENCY_MS))
  }

  #later(code: number, delayMs: number): void {
    after(delayMs, () => this.closed(code))
  }

  closed(code: number): void {
    if (this.readyState === 3) return
    this.readyState = 3
    if (code === 1006) this.dispatchEvent(new Event('error'))
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason: '', wasClean: code !== 1006 }))
  }
}

/** What Bun gives to the handlers as a socket: the part of it that the server uses. */
export class ServerEnd {
  readonly data: SocketData
  readonly #connection: Connection

  constructor(connection: Connection, data: SocketData) {
    this.#connection = connection
    this.data = data
  }

  get readyState(): number {
    return this.#connection.closedAtServer ? 3 : 1
  }

  send(text: string): number {
    const connection = this.#connection
    if (!connection.listener.effect() || connection.closedAtServer) return 0
    return connection.put('toClient', text)
  }

  subscribe(topic: string): void {
    const { topics } = this.#connection.listener
    const subscribers = topics.get(topic) ?? new Set()
    topics.set(topic, subscribers.add(this))
  }

  unsubscribe(topic: string): void {
    this.#connection.listener.topics.get(topic)?.delete(this)
  }

  close(code = 1000): void {
    this.#connection.endByServer(code)
  }

  /** A broadcast. */
  push(text: string): void {
    const { link } = this.#connection
    const kind = text.slice(2, text.indexOf('"', 2))
    const index = link.fates.findIndex((fate) => fate.kind === kind)
    const fate = index < 0 ? null : link.fates.splice(index, 1)[0]?.fate
    if (fate === 'dropped') return
    this.#connection.put('toClient', text)
    if (fate === 'doubled') after(between(0, 400), () => void this.#connection.put('toClient', text))
  }
}

/** One connection. What is on its way when it ends is lost. */
export class Connection {
  readonly link: Link
  readonly listener: Listener
  readonly client: ClientEnd
  readonly server: ServerEnd
  silent = false
  closedAtServer = false
  closedAtClient = false
  readonly #onTheWay: Record<Direction, string[]> = { toClient: [], toServer: [] }
  readonly #arrived: Record<Direction, number> = { toClient: 0, toServer: 0 }
  #toDrain = false
  #clogged = false

  constructor(link: Link, listener: Listener, client: ClientEnd, data: SocketData) {
    this.link = link
    this.listener = listener
    this.client = client
    this.server = new ServerEnd(this, data)
  }

  // Bun's type has forty members; the handlers use those of ServerEnd.
  get socket(): ServerWebSocket<SocketData | Reader> {
    return this.server as unknown as ServerWebSocket<SocketData>
  }

  begin(): void {
    this.listener.connections.add(this)
    void this.listener.handlers.open?.(this.socket)
  }

  /** What Bun's `send` returns: -1 when the text waits. */
  put(direction: Direction, text: string): number {
    if (this.silent) return text.length
    const queue = this.#onTheWay[direction]
    queue.push(text)
    if (direction === 'toClient' && this.link.held.toClient && queue.length > BACKPRESSURE) {
      this.endByServer(1006)
      return 0
    }
    after(between(...LATENCY_MS), () => {
      this.#arrived[direction]++
      this.pump()
    })
    if (direction !== 'toClient' || !this.link.held.toClient || queue.length < BACKPRESSURE / 2) return text.length
    this.#toDrain = true
    return -1
  }

  pump(): void {
    for (const direction of ['toServer', 'toClient'] as const) {
      const queue = this.#onTheWay[direction]
      while (!this.link.held[direction] && !this.silent && this.#arrived[direction] > 0) {
        this.#arrived[direction]--
        const text = queue.shift()
        if (text !== undefined) this.#deliver(direction, text)
      }
    }
    if (this.#toDrain && !this.link.held.toClient && !this.closedAtServer) {
      this.#toDrain = false
      void this.listener.handlers.drain?.(this.socket)
    }
  }

  #deliver(direction: Direction, text: string): void {
    watch.carried?.(this.link.name, direction, text)
    if (direction === 'toClient') {
      if (!this.closedAtClient && this.client.readyState === 1) this.client.dispatchEvent(new MessageEvent('message', { data: text }))
    } else if (!this.closedAtServer && !this.#clogged) void this.listener.handlers.message?.(this.socket, text)
  }

  /** Both ends hear of it, each in its time. */
  cut(code = 1006): void {
    if (chance(0.5)) this.#lose()
    this.#endAtServer(between(...LATENCY_MS))
    this.#endAtClient(code, between(...LATENCY_MS))
  }

  /** Nobody hears of it, and nothing gets through any more. */
  goSilent(): void {
    this.silent = true
    this.#lose()
    this.#endAtServer(IDLE_MS)
  }

  endByClient(_code: number): void {
    this.closedAtClient = true
    if (!this.silent) this.#endAtServer(between(...LATENCY_MS))
  }

  endByServer(code: number): void {
    if (this.closedAtServer) return
    this.#clogged = true
    this.#endAtServer(0)
    if (!this.silent) this.#endAtClient(code, between(...LATENCY_MS))
  }

  #lose(): void {
    this.#onTheWay.toClient.length = 0
    this.#onTheWay.toServer.length = 0
  }

  #endAtServer(delayMs: number): void {
    after(delayMs, () => {
      if (this.closedAtServer) return
      this.closedAtServer = true
      for (const subscribers of this.listener.topics.values()) subscribers.delete(this.server)
      this.listener.connections.delete(this)
      void this.listener.handlers.close?.(this.socket, 1006, '')
    })
  }

  #endAtClient(code: number, delayMs: number): void {
    after(delayMs, () => {
      if (this.closedAtClient) return
      this.closedAtClient = true
      this.#lose()
      this.client.closed(code)
    })
  }
}

/** Gives the process a WebSocket that goes over the links. */
export function installNetwork(): void {
  Object.defineProperty(globalThis, 'WebSocket', { value: ClientEnd, configurable: true, writable: true })
}
