import { LIMITS, type Member } from '#contract'
import type { Draft, Me, OutboxEntry, StoredConversation, StoredMembership, StoredMessage } from './database.ts'
import { placed, unplaced } from './places.ts'
import { trimmedAt } from './space.ts'
import { store } from './store.ts'

/** The rooms that are there, the one that was used last first. */
export async function conversations(): Promise<StoredConversation[]> {
  const rows = await store().db.conversations.orderBy('updatedAt').reverse().toArray()
  return rows.filter((row) => !row.deleted)
}

export async function conversation(id: string): Promise<StoredConversation | undefined> {
  const row = await store().db.conversations.get(id)
  return row?.deleted ? undefined : row
}

/**
 * The last `count` messages of a room on its current path, in order of their places, the unsent ones last.
 * `earlier`: more exist here or on the server.
 */
export async function messages(conversationId: string, count: number): Promise<{ messages: StoredMessage[]; earlier: boolean }> {
  const { db } = store()
  const [room, conversation, waiting] = await Promise.all([
    db.rooms.get(conversationId),
    db.conversations.get(conversationId),
    db.messages
      .where('[conversationId+position]')
      .between(...unplaced(conversationId))
      .toArray(),
  ])
  const from = room && !room.complete ? (room.oldest ?? 0) : 0
  const path = new Path(conversation, count + 1)
  let before = Number.MAX_SAFE_INTEGER
  while (true) {
    const [lower, upper] = placed(conversationId, from)
    const page = await db.messages
      .where('[conversationId+position]')
      .between(lower, [upper[0], Math.min(upper[1], before)], true, before === Number.MAX_SAFE_INTEGER)
      .reverse()
      .limit(count + 1)
      .toArray()
    path.take(page)
    const last = page.at(-1)
    if (page.length <= count || !last || path.full) break
    before = last.position
  }
  const shown = path.messages()
  // Between the two reads a message may have got its place; without a transaction around both, whose rows would be new objects every time.
  const placedNow = new Set(shown.map(({ id }) => id))
  return {
    messages: [...shown.slice(0, count).reverse(), ...waiting.filter(({ id }) => !placedNow.has(id))],
    earlier: shown.length > count || (room !== undefined && !room.complete),
  }
}

/** Picks the messages of the current path from rows that come newest first. */
class Path {
  readonly #enough: number
  readonly #known: number
  #next: string | null
  #started = false
  readonly #onPath: StoredMessage[] = []
  readonly #all: StoredMessage[] = []

  constructor(conversation: StoredConversation | undefined, enough: number) {
    this.#enough = enough
    this.#known = conversation?.revision ?? 0
    this.#next = conversation?.headId ?? null
  }

  get full(): boolean {
    return this.#started && this.#onPath.length >= this.#enough
  }

  take(rows: readonly StoredMessage[]): void {
    for (const row of rows) {
      if (row.kind === 'note') {
        if (!row.deleted) this.#onPath.push(row)
      } else if (row.id === this.#next || this.#isNewerHead(row)) {
        this.#started = true
        this.#next = row.parentId
        if (!row.deleted) this.#onPath.push(row)
      }
      if (!row.deleted) this.#all.push(row)
    }
  }

  /** Newest first. Without a head to start from, everything is shown. */
  messages(): StoredMessage[] {
    return this.#started ? this.#onPath : this.#all
  }

  // Every new prompt or reply becomes the head; the row of the room that says so may come a moment after it.
  #isNewerHead(row: StoredMessage): boolean {
    return !this.#started && row.position > this.#known
  }
}

/** How many replies of a room wait for their turn behind the one that runs. */
export async function waitingReplies(conversationId: string): Promise<number> {
  const { messages, conversations } = store().db
  const runningId = (await conversations.get(conversationId))?.runningId ?? null
  const newest = await messages
    .where('[conversationId+position]')
    .between(...placed(conversationId), true, true)
    .reverse()
    .limit(WAITING_ROWS)
    .toArray()
  return newest.filter((row) => row.kind === 'reply' && row.state === 'queued' && row.id !== runningId && !row.deleted).length
}

/** What waits is among the newest rows of a room: prompts and replies, and notes between them. */
const WAITING_ROWS = 4 * LIMITS.queuedReplies

export async function draft(conversationId: string): Promise<string> {
  return (await draftRow(conversationId))?.text ?? ''
}

/** The draft with who wrote it; undefined: there is none. */
export function draftRow(conversationId: string): Promise<Draft | undefined> {
  return store().db.drafts.get(conversationId)
}

/** What a room is to this person; undefined: the server has not said yet. */
export function membership(conversationId: string): Promise<StoredMembership | undefined> {
  return store().db.memberships.get(conversationId)
}

/** By room, what it is to this person. */
export async function memberships(): Promise<ReadonlyMap<string, StoredMembership>> {
  const rows = await store().db.memberships.toArray()
  return new Map(rows.map((row) => [row.conversationId, row]))
}

/** Who is in a room, those who came first first. Whether they are here is only right while this tab is connected. */
export async function people(conversationId: string): Promise<readonly Member[]> {
  return (await store().db.people.get(conversationId))?.people ?? []
}

/** Everything that the server has not answered yet, or has refused. */
export function unsent(): Promise<OutboxEntry[]> {
  return store().db.outbox.toArray()
}

/** Who this person is, as the server said last. */
export async function me(): Promise<Me | undefined> {
  const fact = await store().db.facts.get('me')
  return fact?.key === 'me' ? fact.value : undefined
}

/** Whether rows were given up for want of space since a moment, in milliseconds since 1970. The server has them. */
export async function isTrimmed(since: number): Promise<boolean> {
  return ((await trimmedAt(store().db)) ?? 0) >= since
}

/** The replies of a room that are on this device, oldest first, the unsent apart; `complete`: all of them are. */
export async function repliesHere(conversationId: string): Promise<{ replies: StoredMessage[]; complete: boolean }> {
  const { db } = store()
  const [room, rows] = await Promise.all([
    db.rooms.get(conversationId),
    db.messages
      .where('[conversationId+position]')
      .between(...placed(conversationId))
      .filter(({ kind }) => kind === 'reply')
      .toArray(),
  ])
  return { replies: rows, complete: room?.complete === true }
}
