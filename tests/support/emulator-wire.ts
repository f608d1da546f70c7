import type { ServerResponse } from 'node:http'
import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises'

/** How chunks become bytes: events, the elements of a JSON array, or one object at the end. */
export type Framing = 'events' | 'array' | 'single'

/** The bytes of one answer, down to its socket. */
export type Wire = {
  readonly framing: Framing
  /** Every event leaves in pieces of this size, so that characters and keywords are cut; 0: whole. */
  sliceBytes: number
  /** True once the head of the answer is on its way. */
  readonly opened: boolean
  /** The client went away before the answer was over. */
  readonly gone: AbortSignal
  open(): void
  send(chunk: object): Promise<void>
  /** Bytes of any kind between the events. */
  raw(bytes: string | Uint8Array): Promise<void>
  refuse(status: number, body: object | string): void
  /** The regular end. */
  end(): Promise<void>
  /** The connection is closed without an end of the body. */
  cut(): Promise<void>
  /** The connection is reset (TCP RST). */
  reset(): Promise<void>
}

/** Long enough for a client to have read what was sent: a reset takes back what it has not. */
const SETTLE_MS = 30

/** `onClose` learns whether the answer came to its own end, whichever that was. */
export function createWire(response: ServerResponse, framing: Framing, onClose: (own: boolean) => void): Wire {
  const gone = new AbortController()
  const elements: object[] = []
  let own = false
  let sent = 0
  response.on('close', () => {
    if (!own) gone.abort(new Error('the client went away'))
    onClose(own)
  })
  response.on('error', () => {})

  const write = async (bytes: string | Uint8Array) => {
    if (gone.signal.aborted || own) return
    wire.open()
    if (!response.write(bytes)) await new Promise<void>((resolve) => response.once('drain', resolve).once('close', resolve))
  }

  const wire: Wire = {
    framing,
    gone: gone.signal,
    sliceBytes: 0,
    get opened() {
      return response.headersSent
    },
    open() {
      if (response.headersSent || gone.signal.aborted) return
      const type = framing === 'events' ? 'text/event-stream' : 'application/json; charset=UTF-8'
      response.writeHead(200, {
        'content-type': type,
        vary: 'Origin, X-Origin, Referer',
        server: 'scaffolding on HTTPServer2',
        'x-frame-options': 'SAMEORIGIN',
      })
      response.flushHeaders()
    },
    async send(chunk) {
      const json = encode(chunk)
      const first = sent++ === 0
      switch (framing) {
        case 'events': {
          const bytes = Buffer.from(`data: ${json}\r\n\r\n`)
          const size = wire.sliceBytes || bytes.length
          for (let at = 0; at < bytes.length; at += size) {
            await write(bytes.subarray(at, at + size))
            if (size < bytes.length) await breathe()
          }
          return
        }
        case 'array':
          return await write(`${first ? '[' : ',\r\n'}${json}`)
        case 'single':
          elements.push(chunk)
          return
      }
    },
    raw: write,
    refuse(status, body) {
      if (gone.signal.aborted || response.headersSent) return
      own = true
      const type = typeof body === 'string' ? 'text/html; charset=UTF-8' : 'application/json; charset=UTF-8'
      response.writeHead(status, { 'content-type': type, vary: 'Origin, X-Origin, Referer', server: 'scaffolding on HTTPServer2' })
      response.end(typeof body === 'string' ? body : encode(body, 2))
    },
    async end() {
      if (gone.signal.aborted || own) return
      wire.open()
      own = true
      const rest = framing === 'array' ? (sent === 0 ? '[]' : ']') : framing === 'single' ? encode(merged(elements), 2) : ''
      await new Promise<void>((resolve) => response.once('close', resolve).end(rest, resolve))
    },
    async cut() {
      await leave(() => response.socket?.destroy())
    },
    async reset() {
      await leave(() => response.socket?.resetAndDestroy())
    },
  }

  const leave = async (how: () => void) => {
    if (gone.signal.aborted || own) return
    if (response.headersSent) await pause(SETTLE_MS)
    own = true
    how()
  }
  return wire
}

/** JSON as Google writes it: what HTML or JavaScript would act on is escaped. */
function encode(value: object, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    /[<>&'\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

type Chunk = { candidates?: { content?: { parts: object[] } }[] }

/** The chunks as one object: all the parts in the first candidate, everything else as the last chunk has it. */
function merged(chunks: readonly Chunk[]): object {
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
  const last = chunks.at(-1) ?? {}
  const candidate = last.candidates?.[0]
  if (!candidate) return last
  return { ...last, candidates: [{ ...candidate, ...(parts.length > 0 && { content: { parts, role: 'model' } }) }] }
}
