import { isOpen, LIMITS, type Member } from '#contract'
import type { Draft, Me, OutboxEntry, StoredConversation, StoredMembership, StoredMessage } from './database.ts'
import { Path, type PathEnd } from './path.ts'
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
 * `versions`: of each message that has others beside it, the ids of them all, oldest first. `earlier`: more exist here or on the server. `oldest`: see
 * `Room`. `later`: newer ones exist.
 */
export type Transcript = {
  messages: StoredMessage[]
  versions: ReadonlyMap<string, readonly string[]>
  earlier: boolean
  oldest: number | null
  later: boolean
}

/**
 * The last `count` messages of a room on its current path, in order of their places, the unsent ones last; with `end`, the last ones up to that
 * place.
 */
export async function messages(conversationId: string, count: number, end: PathEnd | null = null): Promise<Transcript> {
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
  const version = end ? undefined : waiting.findLast(({ beside, delivery }) => beside !== undefined && delivery === 'pending')
  const path = new Path(end ?? conversation, count + 1, version)
  let before = end ? end.revision + 1 : Number.MAX_SAFE_INTEGER
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
    messages: [
      ...shown.slice(0, count).reverse(),
      // A version that waits takes the place of what was said since, and of what waits before it.
      ...(end ? [] : waiting).filter(
        (row) => !placedNow.has(row.id) && (!version || row.position >= version.position || row.delivery === 'failed'),
      ),
    ],
    versions: path.versions(),
    earlier: shown.length > count || (room !== undefined && !room.complete),
    oldest: room?.oldest ?? null,
    later: end !== null,
  }
}

/** A message that this device has; undefined: it has not. */
export function storedMessage(id: string): Promise<StoredMessage | undefined> {
  return store().db.messages.get(id)
}

/** Everybody else in this person's rooms, and in which of them, the one that was used last first. */
export async function acquaintances(): Promise<{ person: Member['person']; rooms: string[] }[]> {
  const { db, personId } = store()
  const [rooms, rosters] = await Promise.all([conversations(), db.people.toArray()])
  const known = new Map(rosters.map(({ conversationId, people }) => [conversationId, people]))
  const found = new Map<string, { person: Member['person']; rooms: string[] }>()
  for (const { id } of rooms) {
    for (const { person } of known.get(id) ?? []) {
      if (person.id === personId) continue
      const other = found.get(person.id)
      if (other) other.rooms.push(id)
      else found.set(person.id, { person, rooms: [id] })
    }
  }
  return [...found.values()]
}

/** Of a room's path: what this person has asked last, if that can be edited, and the last reply, if it can be given anew; null: it cannot. */
export async function lastSaid(conversationId: string): Promise<{ promptId: string | null; replyId: string | null }> {
  const { personId } = store()
  const { messages: shown } = await messages(conversationId, LIMITS.pageRows)
  const prompt = shown.findLast(({ kind, ...row }) => kind === 'prompt' && 'author' in row && row.author.id === personId)
  const reply = shown.findLast(({ kind }) => kind === 'reply')
  return {
    promptId: prompt?.delivery === 'sent' ? prompt.id : null,
    replyId: reply?.kind === 'reply' && reply.delivery === 'sent' && !isOpen(reply.state) ? reply.id : null,
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
