import type { Router } from '@orpc/server'
import type { ServerWebSocket, WebSocketHandler } from 'bun'
import { CLOSE, HEARTBEAT, LIMITS, MINIMUM_WIRE } from '#contract'
import { Flow } from './flow.ts'
import { Peers } from './peers.ts'
import type { Presence } from './presence.ts'
import type { Reader, Readers, ReaderSocket } from './readers.ts'
import type { CallContext, Connection, Socket, Sockets } from './sockets.ts'

/** More than the largest answer: a page of long messages and a long running reply. */
const BACKPRESSURE_BYTES = 2 * 1024 * 1024
const IDLE_SECONDS = 120

/**
 * Bun's handlers for the one kind of socket there is: heartbeat, calls, and closing whoever cannot keep up.
 * A reader over the backpressure limit is closed rather than silently skipped: it reconnects and catches up.
 */
export function createSocketHandlers(options: {
  // oxlint-disable-next-line typescript/no-explicit-any -- oRPC's router type cannot be spelled without it
  router: Router<any, CallContext>
  sockets: Sockets
  presence: Pick<Presence, 'heard' | 'gone'>
  readers: Readers
  onError: (error: unknown) => void
}): { handlers: WebSocketHandler<Connection | Reader>; inFlight: () => number } {
  const { sockets, presence, readers } = options
  const peers = new Peers(options.router, options.onError)
  const flow = new Flow()
  const handlers: WebSocketHandler<Connection | Reader> = {
    maxPayloadLength: LIMITS.frameBytes,
    backpressureLimit: BACKPRESSURE_BYTES,
    closeOnBackpressureLimit: true,
    perMessageDeflate: false,
    idleTimeout: IDLE_SECONDS,
    open(any) {
      const { reader, socket } = kinds(any)
      if (reader) return readers.open(reader)
      if (socket.data.wire < MINIMUM_WIRE) {
        socket.close(CLOSE.outdated, 'this page is older than the server: reload it')
        return
      }
      peers.open(socket)
      sockets.add(socket)
    },
    message(any, frame) {
      const { reader, socket } = kinds(any)
      if (reader) return readers.message(reader, frame)
      const verdict = flow.take(socket, frame)
      presence.heard(socket)
      if (verdict.kind === 'too many') socket.close(CLOSE.tooMany, 'too many calls')
      else if (frame === HEARTBEAT.ping) socket.send(HEARTBEAT.pong)
      else peers.message(socket, frame, { socket, retryAfterMs: verdict.kind === 'refused' ? verdict.retryAfterMs : null })
    },
    drain(any) {
      const { reader, socket } = kinds(any)
      if (!reader) peers.drain(socket)
    },
    close(any) {
      const { reader, socket } = kinds(any)
      if (reader) return readers.remove(reader)
      sockets.remove(socket)
      presence.gone(socket)
      peers.close(socket)
    },
  }
  return { handlers, inFlight: () => peers.inFlight }
}

type Kinds = { readonly reader: ReaderSocket; readonly socket: null } | { readonly reader: null; readonly socket: Socket }

// A socket's type says what it carries as a whole, so what is found in its data cannot narrow it.
function kinds(socket: ServerWebSocket<Connection | Reader>): Kinds {
  return 'linkId' in socket.data ? { reader: socket as ReaderSocket, socket: null } : { reader: null, socket: socket as Socket }
}
