import type { Member } from '#contract'
import type { Db } from '../database/open.ts'
import { readRoster, type Roster } from '../database/presence.ts'
import { type Log, reason } from '../log.ts'
import { type Bus, personTopic, roomTopic } from './bus.ts'

/** A room hears who is in it no more often than this. */
const PEOPLE_EVERY_MS = 500
/** After a read of the database that failed. */
const AGAIN_MS = 5_000

/** What the people of all rooms are kept with. */
export type PresenceParts = {
  readonly db: Db
  readonly bus: Bus
  readonly log: Log
  readonly now: () => number
  /** When this process last heard of each person. */
  readonly seenAt: ReadonlyMap<string, number>
}

/** An open page, and the room that it shows. */
export type Tab = { readonly personId: string; room: RoomPeople | null; heardAt: number; silent: boolean; looks: number }

/** The people of one room, in memory: read from the database once, and again when they change. */
export class RoomPeople {
  readonly id: string
  readonly tabs = new Set<Tab>()
  /** When each was last said to be writing. */
  readonly typedAt = new Map<string, number>()
  readonly #parts: PresenceParts
  /** null: to be read before it is needed next. */
  #roster: Promise<Roster> | null = null
  /** Messages ever made, and how many of them each person has read, as far as this process has heard: newer than the roster. */
  #count = 0
  readonly #reads = new Map<string, number>()
  #publishing: ReturnType<typeof setTimeout> | null = null
  #publishedAt = 0
  #usedAt = 0

  constructor(parts: PresenceParts, id: string) {
    this.#parts = parts
    this.id = id
  }

  /** Since when nobody has asked for it; null: somebody looks at it. */
  get idleSince(): number | null {
    return this.tabs.size > 0 || this.#publishing ? null : this.#usedAt
  }

  /** Somebody's row. Whoever is not in what is known may have come since, so that is read anew; null: they are not in the room. */
  async member(personId: string): Promise<Roster['members'][number] | null> {
    const known = this.#roster
    const found = find(await this.#read(), personId)
    if (found || !known) return found
    if (this.#roster === known) this.#roster = null
    return find(await this.#read(), personId)
  }

  /** Everybody as they are now. */
  async people(): Promise<Member[]> {
    const { members } = await this.#read()
    const { seenAt } = this.#parts
    const here = new Set(Array.from(this.tabs, (tab) => (tab.silent ? '' : tab.personId)))
    return members.map((row) => {
      const { id } = row.person
      return {
        ...row,
        here: here.has(id),
        seenAt: Math.max(row.seenAt ?? 0, seenAt.get(id) ?? 0) || null,
        read: Math.max(row.read, this.#reads.get(id) ?? 0),
      }
    })
  }

  /** How many messages there are, at least `count` as far as they may be believed. */
  async reach(count: number): Promise<number> {
    let known = Math.max(this.#count, (await this.#read()).count)
    if (count > known) {
      // Made by a change of which this process has not heard the end, or by nobody.
      this.#roster = null
      known = Math.max(known, (await this.#read()).count)
    }
    return Math.min(count, known)
  }

  /** There are so many messages now. */
  grown(count: number): void {
    this.#count = Math.max(this.#count, count)
  }

  /** Tells everybody that somebody has read so many messages. False: no more than was known. `stored`: the database has it, and nobody was told. */
  async readUpTo(personId: string, count: number, stored = false): Promise<boolean> {
    const row = await this.member(personId)
    if (!row || count <= Math.max(stored ? 0 : row.read, this.#reads.get(personId) ?? 0)) return false
    this.#reads.set(personId, count)
    this.#parts.bus.publish(personTopic(personId), ['membership', this.id, row.role, count])
    this.changed()
    return true
  }

  /** Who is in the room, or what they may do, is another than was read. */
  outdated(): void {
    this.#roster = null
    this.changed()
  }

  /** The room hears of its people, soon. */
  changed(afterMs: number = Math.max(0, this.#publishedAt + PEOPLE_EVERY_MS - this.#parts.now())): void {
    this.#publishing ??= setTimeout(() => void this.#publish(), afterMs)
  }

  close(): void {
    if (this.#publishing) clearTimeout(this.#publishing)
  }

  #read(): Promise<Roster> {
    this.#usedAt = this.#parts.now()
    if (this.#roster) return this.#roster
    const reading = readRoster(this.#parts.db, this.id)
    this.#roster = reading
    reading.catch(() => {
      if (this.#roster === reading) this.#roster = null
    })
    return reading
  }

  async #publish(): Promise<void> {
    const { bus, log, now } = this.#parts
    this.#publishing = null
    this.#publishedAt = now()
    try {
      const people = await this.people()
      if (people.length > 0) bus.publish(roomTopic(this.id), ['people', this.id, people])
    } catch (error) {
      log.warn('presence.read_failed', { reason: reason(error) })
      this.changed(AGAIN_MS)
    }
  }
}

function find({ members }: Roster, personId: string) {
  return members.find(({ person }) => person.id === personId) ?? null
}
