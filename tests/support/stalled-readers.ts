import { LIMITS } from '#contract'
import { textFrame, upgradeRequest } from './raw-socket.ts'

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
  const { promise, resolve, reject } = Promise.withResolvers<Reader>()
  const join = { i: '1', p: { u: '/conversation/join', b: { json: { id: conversationId, since: 0, limit: LIMITS.pageRows } } } }
  void Bun.connect<State>({
    hostname: '127.0.0.1',
    port: server.port,
    data: { received: 0, open: false, joined: false, closed: false },
    socket: {
      open(socket) {
        socket.write(upgradeRequest(server, cookie))
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
