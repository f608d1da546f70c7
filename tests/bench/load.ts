/*
 * Many sockets in one process: raw TCP and just enough of RFC 6455, so that the load costs less than what it measures.
 * Usage: bun load.ts '{"port":1,"path":"/rpc","headers":{},"count":1000,"hello":"text or null"}'
 * Prints {"ready":true} when every socket has had an answer to its hello (or is open), then, when its standard input closes,
 * {"frames":n,"delays":[ms …]} of the frames that carried a stamp `@<ms since 1970> `; delays are of every 20th socket.
 */
type Options = { port: number; path: string; headers: Record<string, string>; count: number; hello: string | null }
type State = { index: number; rest: Buffer; open: boolean; answered: boolean }

const SAMPLE = 20
const AT = 64
const SPACE = 32

const options: Options = JSON.parse(process.argv[2] ?? '{}')
const delays: number[] = []
let frames = 0
let ready = 0

const now = () => performance.timeOrigin + performance.now()

function connect(index: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const done = () => {
    ready++
    resolve()
  }
  void Bun.connect<State>({
    hostname: '127.0.0.1',
    port: options.port,
    data: { index, rest: Buffer.alloc(0), open: false, answered: false },
    socket: {
      binaryType: 'buffer',
      open(socket) {
        const headers = {
          host: `127.0.0.1:${options.port}`,
          upgrade: 'websocket',
          connection: 'Upgrade',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          ...options.headers,
        }
        socket.write(
          `GET ${options.path} HTTP/1.1\r\n${Object.entries(headers)
            .map(([name, value]) => `${name}: ${value}`)
            .join('\r\n')}\r\n\r\n`,
        )
      },
      data(socket, bytes) {
        const state = socket.data
        let buffer = state.rest.length > 0 ? Buffer.concat([state.rest, bytes]) : bytes
        if (!state.open) {
          const end = buffer.indexOf('\r\n\r\n')
          if (end < 0) return void (state.rest = buffer)
          if (!buffer.subarray(0, 12).toString().endsWith('101')) return reject(new Error(buffer.toString('utf8', 0, 200)))
          state.open = true
          buffer = buffer.subarray(end + 4)
          if (options.hello === null) {
            state.answered = true
            done()
          } else socket.write(frame(options.hello))
        }
        state.rest = walk(state, buffer, done)
      },
      connectError(_socket, error) {
        reject(error)
      },
      close() {
        reject(new Error('closed by the server'))
      },
    },
  })
  return promise
}

/** Takes whole frames off the front and returns what is left. */
function walk(state: State, buffer: Buffer, done: () => void): Buffer {
  let from = 0
  for (;;) {
    if (buffer.length - from < 2) break
    const short = (buffer[from + 1] ?? 0) & 0x7f
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if (buffer.length - from < head) break
    const size = short < 126 ? short : short === 126 ? buffer.readUInt16BE(from + 2) : Number(buffer.readBigUInt64BE(from + 2))
    if (buffer.length - from - head < size) break
    see(state, buffer, from + head, size, done)
    from += head + size
  }
  return buffer.subarray(from)
}

function see(state: State, buffer: Buffer, from: number, size: number, done: () => void): void {
  // Broadcast frames begin with `["delta"`; anything else is an answer.
  if (buffer[from] === 0x5b && buffer[from + 2] === 0x64) {
    frames++
    if (state.index % SAMPLE !== 0) return
    const at = buffer.indexOf(AT, from)
    if (at < 0 || at > from + size) return
    delays.push(now() - Number(buffer.toString('latin1', at + 1, buffer.indexOf(SPACE, at + 1))))
  } else if (!state.answered) {
    state.answered = true
    done()
  }
}

/** A masked text frame; the mask is zero. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const head =
    payload.length < 126
      ? Buffer.from([0x81, 0x80 | payload.length])
      : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat([head, Buffer.alloc(4), payload])
}

for (let index = 0; index < options.count; index += 50) {
  await Promise.all(Array.from({ length: Math.min(50, options.count - index) }, (_, offset) => connect(index + offset)))
}
process.stdout.write(JSON.stringify({ ready: ready === options.count }) + '\n')
for await (const _ of process.stdin) {
  // Nothing is said over standard input; its end is the sign to report.
}
process.stdout.write(JSON.stringify({ frames, delays }) + '\n')
process.exit(0)
