import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'

/** A server that broadcasts numbered chunks, and its usual client. */
export type Rival = {
  readonly port: number
  publish(chunk: number): void
  connect(url: string): Promise<RivalClient>
  stop(): Promise<void>
}
type RivalClient = { readonly received: readonly number[]; close(): void }

/** What the simplest reconnecting client waits. */
const RECONNECT_MS = 1_000

/** Socket.IO with its own settings for everything, over WebSocket, and its own client. */
export async function socketIo({ recovery }: { recovery: boolean }): Promise<Rival> {
  const http = createServer()
  const server = new Server(http, { transports: ['websocket'], ...(recovery ? { connectionStateRecovery: {} } : {}) })
  const port = await listen(http)
  return {
    port,
    publish: (chunk) => void server.emit('chunk', chunk, 'x'.repeat(20)),
    async connect(url) {
      const received: number[] = []
      const socket = io(url, { transports: ['websocket'], forceNew: true })
      socket.on('chunk', (chunk: number) => received.push(chunk))
      await new Promise<void>((resolve) => socket.once('connect', resolve))
      return { received, close: () => void socket.disconnect() }
    },
    async stop() {
      await server.close()
    },
  }
}

/** `ws`, and a client that connects again a second after its connection has gone. */
export async function webSockets(): Promise<Rival> {
  const http = createServer()
  const server = new WebSocketServer({ server: http })
  const port = await listen(http)
  return {
    port,
    publish(chunk) {
      const text = JSON.stringify([chunk, 'x'.repeat(20)])
      for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.send(text)
    },
    async connect(url) {
      const received: number[] = []
      let socket: WebSocket
      let closed = false
      const open = () => {
        socket = new WebSocket(url.replace('http', 'ws'))
        socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString())[0]))
        socket.on('error', () => {})
        socket.on('close', () => {
          if (!closed) setTimeout(open, RECONNECT_MS)
        })
      }
      open()
      await new Promise<void>((resolve) => socket.once('open', () => resolve()))
      return {
        received,
        close() {
          closed = true
          socket.terminate()
        },
      }
    },
    async stop() {
      for (const client of server.clients) client.terminate()
      server.close()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

function listen(http: ReturnType<typeof createServer>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  http.listen(0, '127.0.0.1', () => {
    const address = http.address()
    if (typeof address === 'object' && address !== null) resolve(address.port)
    else reject(new Error('no port'))
  })
  return promise
}
