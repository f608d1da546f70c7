import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/websocket'
import type { ContractRouterClient } from '@orpc/contract'
import { type contract, type Frame, HEARTBEAT, isOpen, LIMITS, WIRE } from '#contract'
import { eventually, messageOf, within } from './eventually.ts'
import { LiveTexts } from './texts.ts'

const OPEN_MS = 10_000
const HEAR_MS = 10_000

type Rpc = ContractRouterClient<typeof contract>
export type Joined = Awaited<ReturnType<Rpc['conversation']['join']>>
export type Closed = { readonly code: number; readonly reason: string }

/** What a client needs to know of a server; a TestServer is one. */
export type Address = { readonly url: string }

/** One tab on the raw wire: the real oRPC client, and every broadcast frame in the order of its arrival. */
export class TestClient {
  readonly rpc: Rpc
  readonly frames: Frame[] = []
  readonly closed: Promise<Closed>
  readonly socket: WebSocket
  readonly #texts = new LiveTexts()
  readonly #listeners = new Set<() => void>()

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.binaryType = 'arraybuffer'
    const closed = Promise.withResolvers<Closed>()
    this.closed = closed.promise
    socket.addEventListener('close', (event) => {
      closed.resolve({ code: event.code, reason: event.reason })
      this.#wake()
    })
    this.rpc = createORPCClient(new RPCLink({ websocket: this.#withoutFrames() }))
  }

  /**
   * The texts of all replies heard of, assembled from deltas by the rules of the wire. Throws on a gap, an overlap that differs, or a final row
   * that differs from what was streamed.
   */
  get texts(): ReadonlyMap<string, string> {
    return this.#texts.read()
  }

  /** Joins a room as the browser does: deltas that come before the answer are held until it is applied. */
  async join(id: string, since = 0, limit: number = LIMITS.pageRows): Promise<Joined> {
    const apply = this.#texts.hold()
    try {
      const joined = await this.rpc.conversation.join({ id, since, limit })
      apply(joined)
      return joined
    } catch (error) {
      apply(null)
      throw error
    }
  }

  /** The first frame from index `from` on that fits, come or to come. */
  async hear(fits: (frame: Frame) => boolean, timeoutMs = HEAR_MS, from = 0): Promise<Frame> {
    return this.#until(() => this.frames.slice(from).find(fits), timeoutMs, 'The frame')
  }

  /** The final row of a reply, and its text. */
  async hearEnd(replyId: string, timeoutMs = 30_000) {
    const row = await this.#until(
      () => this.frames.map((frame) => ended(frame, replyId)).find(Boolean),
      timeoutMs,
      `The end of reply ${replyId}`,
    )
    return { row, text: this.texts.get(replyId) ?? '' }
  }

  /** Resolves when the text of the reply, as far as heard, fits. */
  hearText(replyId: string, fits: (text: string) => boolean, timeoutMs = HEAR_MS): Promise<string> {
    return this.#until(
      () => [this.texts.get(replyId)].find((text) => text !== undefined && fits(text)),
      timeoutMs,
      `The text of reply ${replyId}`,
    )
  }

  /** Any text as one frame: for what no well-behaved client sends. */
  sendRaw(frame: string | Uint8Array<ArrayBuffer>): void {
    this.socket.send(frame)
  }

  async close(code = 1000): Promise<Closed> {
    this.socket.close(code)
    return this.closed
  }

  /** oRPC gets a view of the socket on which broadcast frames and heartbeats do not exist: it would choke on them. */
  #withoutFrames(): Pick<WebSocket, 'addEventListener' | 'removeEventListener' | 'send' | 'readyState'> {
    const { socket } = this
    const view = new EventTarget()
    socket.addEventListener('open', () => view.dispatchEvent(new Event('open')))
    socket.addEventListener('close', () => view.dispatchEvent(new Event('close')))
    socket.addEventListener('message', (event: MessageEvent<unknown>) => {
      if (event.data === HEARTBEAT.pong) return
      if (typeof event.data === 'string' && event.data.startsWith('[')) this.#receive(event.data)
      else view.dispatchEvent(new MessageEvent('message', { data: event.data }))
    })
    return {
      addEventListener: view.addEventListener.bind(view),
      removeEventListener: view.removeEventListener.bind(view),
      send: (data: Parameters<WebSocket['send']>[0]) => socket.send(data),
      get readyState() {
        return socket.readyState
      },
    }
  }

  #receive(text: string): void {
    // The server is the one that is tested here; a frame of another shape fails the test that reads it.
    const frame = JSON.parse(text) as Frame
    this.frames.push(frame)
    this.#texts.take(frame)
    this.#wake()
  }

  #wake(): void {
    for (const listener of this.#listeners) listener()
  }

  async #until<T>(look: () => T | undefined, timeoutMs: number, what: string): Promise<T> {
    const found = Promise.withResolvers<T>()
    const check = () => {
      try {
        const value = look()
        if (value !== undefined) found.resolve(value)
        else if (this.socket.readyState === WebSocket.CLOSED) found.reject(new Error(`${what} can no longer come: the socket is closed`))
      } catch (error) {
        found.reject(error)
      }
    }
    this.#listeners.add(check)
    check()
    try {
      return await within(found.promise, timeoutMs, what)
    } catch (error) {
      throw new Error(`${messageOf(error)}\nlast frames: ${JSON.stringify(this.frames.slice(-5)).slice(0, 2_000)}`, { cause: error })
    } finally {
      this.#listeners.delete(check)
    }
  }
}

/** `headers`: what a proxy in front of the server would add. */
type SocketOptions = { wire?: number; origin?: string; headers?: Record<string, string> }

/** Opens a socket with a session's cookie and the right Origin. Throws when the server refuses the upgrade. */
export async function connect(server: Address, cookie: string, options: SocketOptions = {}): Promise<TestClient> {
  const client = new TestClient(openSocket(server, cookie, options))
  const opened = Promise.withResolvers<void>()
  client.socket.addEventListener('open', () => opened.resolve(), { once: true })
  void client.closed.then(({ code, reason }) => opened.reject(new Error(`The socket was closed before it opened: ${code} ${reason}`)))
  await within(opened.promise, OPEN_MS, 'The open socket')
  return client
}

function openSocket(server: Address, cookie: string, { wire = WIRE, origin = new URL(server.url).origin, headers = {} }: SocketOptions) {
  const url = new URL(`/rpc?wire=${wire}`, server.url)
  return dial(url, { ...headers, ...(cookie && { cookie }), ...(origin && { origin }) })
}

/** A socket to an address of the server, http or https, with these headers. */
export function dial(address: URL, headers: Record<string, string>): WebSocket {
  const url = new URL(address)
  url.protocol = url.protocol.replace('http', 'ws')
  // Bun's WebSocket takes headers; the browser's type of the constructor, which these tests see, does not know them.
  const Socket = WebSocket as unknown as new (url: URL, options: { headers: Record<string, string> }) => WebSocket
  return new Socket(url, { headers })
}

/** Reads a shared page as its script does; answers what it hears, and the code with which it is closed. */
export async function readShare(server: Address, token: string): Promise<{ frames: string[]; closed: Promise<number>; close(): void }> {
  const socket = dial(new URL(`/s/${token}/live`, server.url), { origin: new URL(server.url).origin })
  const frames: string[] = []
  const closed = Promise.withResolvers<number>()
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => frames.push(String(data)))
  socket.addEventListener('close', ({ code }) => closed.resolve(code))
  await eventually(() => frames.length > 0 || socket.readyState === WebSocket.CLOSED)
  return { frames, closed: closed.promise, close: () => socket.close() }
}

function ended(frame: Frame, replyId: string) {
  if (frame[0] !== 'message') return undefined
  const row = frame[1]
  return row.id === replyId && row.kind === 'reply' && !isOpen(row.state) ? row : undefined
}
