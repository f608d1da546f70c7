import { WIRE } from '#contract'

/* RFC 6455 by hand, for what no WebSocket of a browser or of Bun can be brought to send, and for readers that read no more. */

export type Target = { readonly port: number; readonly url: string }

/** The request of an upgrade, as the page sends it. */
export function upgradeRequest({ url }: Target, cookie: string): string {
  const { host, origin } = new URL(url)
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
  return head.join('\r\n') + '\r\n\r\n'
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export type FrameShape = {
  readonly opcode: number
  readonly payload?: string | Uint8Array
  readonly final?: boolean
  /** The reserved bits, as a number below eight. */
  readonly reserved?: number
  readonly masked?: boolean
  /** What the head says, whatever comes after it. */
  readonly declaredBytes?: bigint
}

/** One frame of a client. The mask is zero, so that payloads can be read in captures. */
export function rawFrame({ opcode, payload = '', final = true, reserved = 0, masked = true, declaredBytes }: FrameShape): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const length = declaredBytes ?? BigInt(body.length)
  const size = length < 126n ? 0 : length < 65_536n ? 2 : 8
  const head = Buffer.alloc(2 + size + (masked ? 4 : 0))
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? Number(length) : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(Number(length), 2)
  if (size === 8) head.writeBigUInt64BE(length, 2)
  return Buffer.concat([head, body])
}

export function textFrame(text: string): Buffer {
  return rawFrame({ opcode: OPCODE.text, payload: text })
}

/** A ping by which it is known that everything before it was read: its answer comes after that. */
export const MARK = rawFrame({ opcode: OPCODE.ping, payload: 'mark' })

/** How a socket ended: the code of the server's close frame; null: without one. */
export type End = { readonly code: number | null }

/** A signed-in socket of bytes. */
export class RawSocket {
  readonly ended: Promise<End>
  #tcp: Bun.Socket | null = null
  #in = Buffer.alloc(0)
  #out = Buffer.alloc(0)
  #code: number | null = null
  #over = false
  #upgraded = false
  #marks = 0
  #wake = () => {}

  private constructor(target: Target, cookie: string, opened: PromiseWithResolvers<void>) {
    const ended = Promise.withResolvers<End>()
    this.ended = ended.promise
    const over = () => {
      this.#over = true
      ended.resolve({ code: this.#code })
      opened.reject(new Error('closed by the server before it was upgraded'))
      this.#wake()
    }
    void Bun.connect({
      hostname: '127.0.0.1',
      port: target.port,
      socket: {
        open: (tcp) => {
          this.#tcp = tcp
          this.write(Buffer.from(upgradeRequest(target, cookie)))
        },
        data: (_, bytes) => {
          this.#in = this.#in.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#in, bytes])
          if (!this.#upgraded) this.#upgrade(opened)
          if (this.#upgraded) this.#read()
        },
        drain: () => this.#flush(),
        close: over,
        connectError: over,
      },
    }).catch(over)
  }

  /** Throws when the server refuses. */
  static async open(target: Target, cookie: string): Promise<RawSocket> {
    const opened = Promise.withResolvers<void>()
    const socket = new RawSocket(target, cookie, opened)
    await opened.promise
    return socket
  }

  /** So many marks were answered. */
  get marks(): number {
    return this.#marks
  }

  write(bytes: Uint8Array): void {
    this.#out = this.#out.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#out, bytes])
    this.#flush()
  }

  /** Resolves when so many marks were answered, or the socket has ended. */
  async answered(marks: number): Promise<void> {
    while (this.#marks < marks && !this.#over) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  end(): void {
    this.#tcp?.terminate()
  }

  #flush(): void {
    if (!this.#tcp || this.#out.length === 0) return
    const written = this.#tcp.write(this.#out)
    if (written > 0) this.#out = this.#out.subarray(written)
  }

  #upgrade(opened: PromiseWithResolvers<void>): void {
    const at = this.#in.indexOf('\r\n\r\n')
    if (at < 0) return
    const head = this.#in.toString('latin1', 0, at)
    this.#in = this.#in.subarray(at + 4)
    if (!head.startsWith('HTTP/1.1 101')) return opened.reject(new Error(head))
    this.#upgraded = true
    opened.resolve()
  }

  /** The server's frames are whole and not masked. */
  #read(): void {
    while (this.#in.length >= 2) {
      const short = (this.#in[1] ?? 0) & 0x7f
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (this.#in.length < head) break
      const length = short < 126 ? short : short === 126 ? this.#in.readUInt16BE(2) : Number(this.#in.readBigUInt64BE(2))
      if (this.#in.length < head + length) break
      const opcode = (this.#in[0] ?? 0) & 0x0f
      const payload = this.#in.subarray(head, head + length)
      if (opcode === OPCODE.pong && payload.toString('latin1') === 'mark') this.#marks++
      if (opcode === OPCODE.close && length >= 2) this.#code = payload.readUInt16BE(0)
      this.#in = this.#in.subarray(head + length)
    }
    this.#wake()
  }
}
