import type { ServerWebSocket } from 'bun'
import { CLOSE, HEARTBEAT, LIMITS, type Message, type SharedPage, type ShareFrame } from '#contract'
import { Arrivals } from './arrivals.ts'
import { shareTopic } from './bus.ts'

/** What the socket of somebody who reads a share carries: no person, no session, one room to hear. */
export type Reader = { readonly linkId: string; readonly conversationId: string; readonly expiresAt: number | null }

export type ReaderSocket = ServerWebSocket<Reader>

/** What readers of a share get of a message: not what the model thought, which may tell of the room's instructions. */
export function forReaders(message: Message): Message {
  return message.kind === 'reply' ? { ...message, thoughts: null } : message
}

/** Between two heartbeats of a reader, at least. */
const LEAST_BEAT_MS = 1_000
/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The open sockets of shares: they hear, and say nothing. */
export class Readers {
  readonly arrivals = new Arrivals()
  readonly #open = new Map<ReaderSocket, ReturnType<typeof setTimeout> | null>()
  readonly #askedAt = new WeakMap<ReaderSocket, number>()
  readonly #page: (conversationId: string) => Promise<SharedPage | null>

  /** `page` reads the newest part of a room, its live texts last. */
  constructor(page: (conversationId: string) => Promise<SharedPage | null>) {
    this.#page = page
  }

  /** Whether one more may read by a link. */
  hasPlace(linkId: string): boolean {
    let count = 0
    for (const socket of this.#open.keys()) if (socket.data.linkId === linkId) count++
    return count < LIMITS.sharedReaders
  }

  open(socket: ReaderSocket): void {
    const { conversationId, expiresAt } = socket.data
    const leftMs = expiresAt === null ? null : Math.min(Math.max(0, expiresAt - Date.now()), LONGEST_TIMER_MS)
    this.#open.set(socket, leftMs === null ? null : setTimeout(() => end(socket), leftMs))
    // First the topic, then the page: what happens in between is a frame.
    socket.subscribe(shareTopic(conversationId))
    this.#page(conversationId).then(
      (page) => {
        if (page === null) end(socket)
        else socket.send(JSON.stringify(['page', page] satisfies ShareFrame))
      },
      () => socket.close(CLOSE.goingAway, 'try again later'),
    )
  }

  message(socket: ReaderSocket, frame: string | Uint8Array): void {
    if (frame !== HEARTBEAT.ping) return socket.close(CLOSE.malformed, 'readers only listen')
    const now = performance.now()
    const early = now - (this.#askedAt.get(socket) ?? Number.NEGATIVE_INFINITY) < LEAST_BEAT_MS
    this.#askedAt.set(socket, now)
    if (early) socket.close(CLOSE.tooMany, 'too many heartbeats')
    else socket.send(HEARTBEAT.pong)
  }

  remove(socket: ReaderSocket): void {
    const timer = this.#open.get(socket)
    if (timer) clearTimeout(timer)
    this.#open.delete(socket)
  }

  /** The link opens nothing any more. */
  closeLink(linkId: string): void {
    this.arrivals.end(linkId)
    for (const socket of this.#open.keys()) if (socket.data.linkId === linkId) end(socket)
  }

  closeRoom(conversationId: string): void {
    this.arrivals.end(conversationId)
    for (const socket of this.#open.keys()) if (socket.data.conversationId === conversationId) end(socket)
  }

  closeAll(): void {
    for (const socket of this.#open.keys()) socket.close(CLOSE.goingAway, 'the server is stopping')
  }
}

function end(socket: ReaderSocket): void {
  socket.close(CLOSE.removed, 'this link opens nothing any more')
}
