import type { ServerWebSocket } from 'bun'
import { CLOSE, LIMITS, type Person, type Role } from '#contract'
import { Arrivals } from './arrivals.ts'
import { personTopic, roomTopic } from './bus.ts'

/** What a socket carries: who opened it, by which session, the rooms it has joined, each with what its person may do there, and joins under way. */
export type Connection = {
  readonly sessionId: string
  /** Of the page that opened it, e.g. https://chat.example.org. */
  readonly origin: string
  /** As the others see them: it changes when they rename themselves. */
  person: Person
  readonly wire: number
  readonly rooms: Map<string, Role>
  readonly joining: Set<Joining>
}

/** A join under way, and what the membership has become since it began: that counts, whatever was read before. */
export type Joining = { readonly conversationId: string; became: Role | 'gone' | null }

export type Socket = ServerWebSocket<Connection>

/** What every call knows: the socket it came by, and whether there have been too many: then, when to come again. */
export type CallContext = { readonly socket: Socket; readonly retryAfterMs: number | null }

/** The open sockets of this process: what is taken from a person is taken from these at once. */
export class Sockets {
  readonly arrivals = new Arrivals()
  readonly #open = new Set<Socket>()
  readonly #whenEnded: () => void

  /** `whenEnded` is called before the sockets of a session or a person are closed because their time here is over. */
  constructor(whenEnded: () => void) {
    this.#whenEnded = whenEnded
  }

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

  /** The sessions that have a socket open. */
  sessions(): Set<string> {
    return new Set(Array.from(this.#open, ({ data }) => data.sessionId))
  }

  /** The session has ended. With `personId` only if it is theirs. */
  closeSession(sessionId: string, personId?: string): void {
    this.#end(sessionId, ({ sessionId: id, person }) => id === sessionId && (personId ?? person.id) === person.id)
  }

  /** Everything that somebody has open. */
  closePerson(personId: string): void {
    this.#end(personId, ({ person }) => person.id === personId)
  }

  closeAll(): void {
    for (const socket of this.#open) socket.close(CLOSE.goingAway, 'the server is stopping')
  }

  /** A room is no longer these people's: their sockets leave it, and those that are on the way in do not get there. */
  drop(conversationId: string, personIds: readonly string[]): void {
    for (const socket of this.#open) {
      if (!personIds.includes(socket.data.person.id)) continue
      leaveRoom(socket, conversationId)
      for (const joining of socket.data.joining) if (joining.conversationId === conversationId) joining.became = 'gone'
    }
  }

  /** Somebody's role in a room is another one. */
  setRole(conversationId: string, personId: string, role: Role): void {
    for (const { data } of this.#open) {
      if (data.person.id !== personId) continue
      if (data.rooms.has(conversationId)) data.rooms.set(conversationId, role)
      for (const joining of data.joining) if (joining.conversationId === conversationId) joining.became = role
    }
  }

  /** Everybody who has a room open, or is about to. */
  peopleIn(conversationId: string): Set<string> {
    const here = [...this.#open].filter(
      ({ data }) => data.rooms.has(conversationId) || [...data.joining].some((joining) => joining.conversationId === conversationId),
    )
    return new Set(here.map(({ data }) => data.person.id))
  }

  /** The rooms that anybody has open. */
  rooms(): Set<string> {
    return new Set(Array.from(this.#open, ({ data }) => [...data.rooms.keys()]).flat())
  }

  rename(person: Person): void {
    for (const { data } of this.#open) if (data.person.id === person.id) data.person = person
  }

  #end(id: string, fits: (connection: Connection) => boolean): void {
    this.#whenEnded()
    this.arrivals.end(id)
    for (const socket of this.#open) if (fits(socket.data)) socket.close(CLOSE.signedOut, 'signed out')
  }
}

/** False when the socket has joined as many rooms as it may. */
export function joinRoom(socket: Socket, conversationId: string, role: Role): boolean {
  const { rooms } = socket.data
  if (!rooms.has(conversationId) && rooms.size >= LIMITS.roomsPerSocket) return false
  rooms.set(conversationId, role)
  socket.subscribe(roomTopic(conversationId))
  return true
}

export function leaveRoom(socket: Socket, conversationId: string): void {
  socket.data.rooms.delete(conversationId)
  socket.unsubscribe(roomTopic(conversationId))
}
