import { LIMITS, WIRE } from '#contract'

type State = { received: number; open: boolean; joined: boolean; closed: boolean }
type Reader = Bun.Socket<State>

export type StalledReaders = {
  /** How many the server has ended. Readers that are still stalled do not hear of it: call `wake` first. */
  readonly closed: number
  /** Bytes that each has received. */
  readonly received: readonly number[]
  /** They read again what is left for them. */
  wake(): void
  end(): void
}

/** Sockets of a signed-in person that join a room and then read no more, on raw TCP: whatever is sent to them stays with the server. */
export async function stallReaders(options: {
  server: { port: number; url: string }
  cookie: string
  conversationId: string
  count: number
}): Promise<StalledReaders> {
  const readers: Reader[] = []
  // In groups: a listening socket's queue of new connections is short.
  for (let from = 0; from < options.count; from += 50) {
    readers.push(...(await Promise.all(Array.from({ length: Math.min(50, options.count - from) }, () => stall(options)))))
  }
  return {
    get closed() {
      return readers.filter(({ data }) => data.closed).length
    },
    get received() {
      return readers.map(({ data }) => data.received)
    },
    wake() {
      for (const reader of readers) if (!reader.data.closed) reader.resume()
    },
    end() {
      for (const reader of readers) reader.terminate()
    },
  }
}

function stall({ server, cookie, conversationId }: Parameters<typeof stallReaders>[0]): Promise<Reader> {
  const { host, origin } = new URL(server.url)
  const { promise, resolve, reject } = Promise.withResolvers<Reader>()
  const join = { i: '1', p: { u: '/conversation/join', b: { json: { id: conversationId, since: 0, limit: LIMITS.pageRows } } } }
  void Bun.connect<State>({
    hostname: '127.0.0.1',
    port: server.port,
    data: { received: 0, open: false, joined: false, closed: false },
    socket: {
      open(socket) {
        const head = [
          `GET /rpc?wire=${WIRE} HTTP/1.1`,
          `host: ${host}`,
          `origin: ${origin}`,
          `cookie: ${cookie}`,
          'upgrade: websocket',
          'connection: Upgrade',
          'sec-websocket-version: 13',
          'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
        ]
        socket.write(head.join('\r\n') + '\r\n\r\n')
      },
      data(socket, bytes) {
        const { data } = socket
        data.received += bytes.length
        if (!data.open) {
          if (!bytes.subarray(0, 12).toString().endsWith('101')) return reject(new Error(bytes.toString('utf8', 0, 200)))
          data.open = true
          socket.write(textFrame(JSON.stringify(join)))
        } else if (!data.joined && bytes.includes('"live"')) {
          data.joined = true
          socket.pause()
          resolve(socket)
        }
      },
      close(socket) {
        socket.data.closed = true
        reject(new Error('closed by the server before it had joined'))
      },
      connectError: (_, error) => reject(error),
    },
  }).catch(reject)
  return promise
}

/** A masked text frame of RFC 6455; the mask is zero. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head = length < 126 ? Buffer.from([0x81, 0x80 | length]) : Buffer.alloc(length < 65_536 ? 4 : 10)
  if (length >= 126) {
    head[0] = 0x81
    head[1] = length < 65_536 ? 0xfe : 0xff
    if (length < 65_536) head.writeUInt16BE(length, 2)
    else head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, Buffer.alloc(4), payload])
}
