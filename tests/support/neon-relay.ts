import type { ServerWebSocket, Socket } from 'bun'

/** What Neon's driver speaks to instead of Neon: PostgreSQL's own protocol, in the messages of a WebSocket. */
export interface NeonRelay {
  /** For NEON_PROXY. */
  readonly proxy: string
  stop(): Promise<void>
}

type Connection = {
  tcp: Socket<ServerWebSocket<Connection>> | null
  /** For PostgreSQL, which is not connected yet or took only a part. */
  readonly waiting: Uint8Array[]
}

/** Relays to one fixed PostgreSQL; the target that the driver asks for in the address is ignored. */
export function startNeonRelay(target: { readonly host: string; readonly port: number }): NeonRelay {
  const server = Bun.serve<Connection>({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request, self) {
      const upgraded = self.upgrade(request, { data: { tcp: null, waiting: [] } })
      return upgraded ? undefined : new Response('WebSocket only', { status: 426 })
    },
    websocket: {
      perMessageDeflate: false,
      idleTimeout: 0,
      maxPayloadLength: 64 << 20,
      backpressureLimit: 64 << 20,
      closeOnBackpressureLimit: true,
      open: (socket) => void connect(socket, target),
      message(socket, message) {
        socket.data.waiting.push(typeof message === 'string' ? Buffer.from(message) : Uint8Array.from(message))
        flush(socket.data)
      },
      drain: (socket) => void socket.data.tcp?.resume(),
      close: (socket) => void socket.data.tcp?.end(),
    },
  })
  return { proxy: `127.0.0.1:${server.port}/v1`, stop: () => server.stop(true) }
}

async function connect(socket: ServerWebSocket<Connection>, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await Bun.connect<ServerWebSocket<Connection>>({
      hostname: host,
      port,
      data: socket,
      socket: {
        binaryType: 'uint8array',
        open(tcp) {
          tcp.setNoDelay(true)
          socket.data.tcp = tcp
          flush(socket.data)
        },
        data(tcp, bytes) {
          // -1: taken, but the reader is behind.
          if (socket.sendBinary(Uint8Array.from(bytes)) === -1) tcp.pause()
        },
        drain: () => flush(socket.data),
        close: () => socket.close(),
        end: () => socket.close(),
        error: () => socket.close(),
      },
    })
  } catch {
    socket.close(1011, 'no database')
  }
}

function flush({ tcp, waiting }: Connection): void {
  for (let bytes = waiting[0]; tcp !== null && bytes !== undefined; bytes = waiting[0]) {
    const taken = tcp.write(bytes)
    if (taken < bytes.byteLength) {
      waiting[0] = bytes.subarray(Math.max(0, taken))
      return
    }
    waiting.shift()
  }
}
