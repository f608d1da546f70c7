import { HEARTBEAT, type Member, type Person, TYPING } from '#contract'
import type { Db } from '../database/open.ts'
import { type Log, reason } from '../log.ts'
import { type Bus, roomTopic } from './bus.ts'
import { type PresenceParts, RoomPeople, type Tab } from './room-people.ts'
import { Seen } from './seen.ts'

/** A reload takes a moment, and is nobody's news. */
const LINGER_MS = 2_000
/** Two heartbeats that did not come: whatever is at the other end, it is not a page that somebody looks at. */
const SILENT_MS = 2 * HEARTBEAT.everyMs + HEARTBEAT.deadMs
const SWEEP_EVERY_MS = 10_000
/** A room that nobody looks at is forgotten after this time. */
const FORGET_MS = 60_000

/** What presence needs of a socket. */
export type Looker = { readonly data: { readonly person: Person }; readonly readyState: number }

/** `missing`: the room is not theirs. */
export type Said = 'done' | 'missing' | 'forbidden'

/**
 * Who is here, who writes, and how far everybody has read: by person, not by tab, in memory. The database is read when a room is looked at for
 * the first time and when its people change; heartbeats and typing never reach it.
 */
export class Presence {
  readonly #parts: PresenceParts
  readonly #seen: Seen
  readonly #rooms = new Map<string, RoomPeople>()
  readonly #tabs = new Map<Looker, Tab>()
  readonly #seenAt = new Map<string, number>()

  constructor({ db, bus, log, now = Date.now }: { db: Db; bus: Bus; log: Log; now?: () => number }) {
    this.#parts = { db, bus, log, now, seenAt: this.#seenAt }
    this.#seen = new Seen(db, log)
  }

  /** Begins to look for sockets that have fallen silent. Returns its stop, which writes what is not written yet. */
  open(): () => Promise<void> {
    const timer = setInterval(() => this.sweep(), SWEEP_EVERY_MS)
    return async () => {
      clearInterval(timer)
      for (const room of this.#rooms.values()) room.close()
      await this.#seen.close()
    }
  }

  /** The people of a room as they are now. Rejects when the database has to be asked and is away. */
  people(conversationId: string): Promise<Member[]> {
    return this.#room(conversationId).people()
  }

  /** To be called after every change of who is in a room, what they may do there or what they are called: the room hears of it. */
  publishPeople(conversationId: string): void {
    this.#room(conversationId).outdated()
  }

  /** A tab shows a room; null: none. */
  async look(socket: Looker, conversationId: string | null): Promise<Said> {
    const { person } = socket.data
    const { now } = this.#parts
    // A call that came just before the end: nobody would ever take it out again.
    if (socket.readyState !== WebSocket.OPEN) return 'done'
    const tab: Tab = this.#tabs.get(socket) ?? { personId: person.id, room: null, heardAt: now(), silent: false, looks: 0 }
    this.#tabs.set(socket, tab)
    const mine = ++tab.looks
    const room = conversationId === null ? null : this.#room(conversationId)
    if (room && !(await room.member(person.id))) return 'missing'
    // It may have turned elsewhere meanwhile.
    if (tab.looks !== mine || tab.room === room) return 'done'
    this.#leave(tab)
    tab.room = room
    room?.tabs.add(tab)
    room?.changed()
    this.#saw(person.id, now())
    return 'done'
  }

  /** Anything came from a socket: there is a page at its end. */
  heard(socket: Looker): void {
    const tab = this.#tabs.get(socket)
    if (!tab) return
    tab.heardAt = this.#parts.now()
    if (!tab.silent) return
    tab.silent = false
    tab.room?.changed()
  }

  /** A socket is closed. */
  gone(socket: Looker): void {
    const tab = this.#tabs.get(socket)
    if (!tab) return
    this.#tabs.delete(socket)
    // Whatever it was about to look at is not looked at any more.
    tab.looks++
    this.#saw(tab.personId, tab.heardAt)
    setTimeout(() => this.#leave(tab), LINGER_MS).unref()
  }

  /** Somebody writes. Told once for all their tabs. */
  async typing(person: Person, conversationId: string): Promise<Said> {
    const room = this.#room(conversationId)
    const member = await room.member(person.id)
    if (!member) return 'missing'
    if (member.role === 'viewer') return 'forbidden'
    const now = this.#parts.now()
    if (now - (room.typedAt.get(person.id) ?? 0) < TYPING.everyMs / 2) return 'done'
    room.typedAt.set(person.id, now)
    this.#parts.bus.publish(roomTopic(conversationId), ['typing', conversationId, person.id])
    return 'done'
  }

  /** Somebody has read so many messages of a room. Fewer than before changes nothing; more than there are is all of them. */
  async read(person: Person, conversationId: string, count: number): Promise<Said> {
    const room = this.#room(conversationId)
    if (!(await room.member(person.id))) return 'missing'
    const upTo = await room.reach(count)
    if (await room.readUpTo(person.id, upTo)) this.#seen.read({ conversationId, personId: person.id, count: upTo })
    return 'done'
  }

  /** Somebody has written the newest of so many messages; that they have read them all is in the database already. */
  wrote(person: Person, { id, count }: { id: string; count: number }): void {
    const room = this.#room(id)
    room.grown(count)
    room.typedAt.delete(person.id)
    room.readUpTo(person.id, count, true).catch((error) => this.#readFailed(error))
  }

  /** The same of a message that an earlier call has stored: if its answer was lost, nobody was told, and only the database knows how far it went. */
  wroteBefore(person: Person, conversationId: string): void {
    const room = this.#room(conversationId)
    room.typedAt.delete(person.id)
    room.outdated()
    room
      .member(person.id)
      .then((member) => member && room.readUpTo(person.id, member.read, true))
      .catch((error) => this.#readFailed(error))
  }

  /** Takes those for gone from whom nothing was heard for long, and forgets rooms that nobody looks at. */
  sweep(): void {
    const now = this.#parts.now()
    for (const tab of this.#tabs.values()) {
      if (tab.silent || now - tab.heardAt <= SILENT_MS) continue
      tab.silent = true
      this.#saw(tab.personId, tab.heardAt)
      tab.room?.changed()
    }
    for (const [id, { idleSince }] of this.#rooms) if (idleSince !== null && now - idleSince > FORGET_MS) this.#rooms.delete(id)
  }

  #readFailed(error: unknown): void {
    this.#parts.log.warn('presence.read_failed', { reason: reason(error) })
  }

  #room(id: string): RoomPeople {
    let room = this.#rooms.get(id)
    if (!room) this.#rooms.set(id, (room = new RoomPeople(this.#parts, id)))
    return room
  }

  #leave(tab: Tab): void {
    const { room } = tab
    tab.room = null
    if (!room?.tabs.delete(tab)) return
    this.#saw(tab.personId, tab.heardAt)
    room.changed()
  }

  #saw(personId: string, atMs: number): void {
    this.#seenAt.set(personId, Math.max(this.#seenAt.get(personId) ?? 0, atMs))
    this.#seen.seen({ personId, atMs })
  }
}
