import type { ServerWebSocket } from 'bun'
import { CLOSE, LIMITS, type Person } from '#contract'
import { personTopic, roomTopic } from './bus.ts'

/** What a socket carries: who opened it, by which session, and the rooms it has joined. */
export type Connection = { readonly sessionId: string; readonly person: Person; readonly wire: number; readonly rooms: Set<string> }

export type Socket = ServerWebSocket<Connection>

/** What every call knows: the socket it came by, and whether there have been too many: then, when to come again. */
export type CallContext = { readonly socket: Socket; readonly retryAfterMs: number | null }

/** The open sockets of this process, by session: a revoked session has to take its sockets with it. */
export class Sockets {
  readonly #open = new Set<Socket>()

  get count(): number {
    return this.#open.size
  }

  add(socket: Socket): void {
    this.#open.add(socket)
    socket.subscribe(personTopic(socket.data.person.id))
  }

  remove(socket: Socket): void {
    this.#open.delete(socket)
  }

  closeSession(sessionId: string): void {
    for (const socket of this.#open) if (socket.data.sessionId === sessionId) socket.close(CLOSE.signedOut, 'signed out')
  }

  /** A disabled person is signed out everywhere. */
  closePerson(personId: string): void {
    for (const socket of this.#open) if (socket.data.person.id === personId) socket.close(CLOSE.signedOut, 'signed out')
  }

  closeAll(): void {
    for (const socket of this.#open) socket.close(CLOSE.goingAway, 'the server is stopping')
  }
}

/** False when the socket has joined as many rooms as it may. */
export function joinRoom(socket: Socket, conversationId: string): boolean {
  const { rooms } = socket.data
  if (!rooms.has(conversationId) && rooms.size >= LIMITS.roomsPerSocket) return false
  rooms.add(conversationId)
  socket.subscribe(roomTopic(conversationId))
  return true
}

export function leaveRoom(socket: Socket, conversationId: string): void {
  socket.data.rooms.delete(conversationId)
  socket.unsubscribe(roomTopic(conversationId))
}
