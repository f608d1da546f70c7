import { type Arrangement, type Conversation, isOpen, type Message } from '#contract'
import type { Database, OutboxEntry, StoredConversation } from './database.ts'
import { mergeConversation, mergeMessage, newest } from './merge.ts'
import { forgetPeople, isMark, rewindReading } from './people.ts'
import { PENDING_POSITION, placed, unplaced } from './places.ts'
import { arrangedBy, cleared, type Kept, shelved } from './shelves.ts'

/*
 * Rows of the server into the store, inside of a transaction that the caller has begun.
 */

/** Returns the rooms of messages that waited to be sent, and have arrived. */
export async function putMessages(db: Database, rows: readonly Message[]): Promise<string[]> {
  if (rows.length === 0) return []
  const byId = newest(rows)
  const stored = await db.messages.bulkGet([...byId.keys()])
  const fresh = newest([...byId.values()].flatMap((row, index) => mergeMessage(stored[index], row) ?? []))
  await db.messages.bulkPut([...fresh.values()])
  // The row of an unsent message proves that it arrived, though its answer was lost.
  const arrived = stored.flatMap((message) => (message && message.delivery !== 'sent' && fresh.has(message.id) ? [message] : []))
  if (arrived.length > 0) await db.outbox.bulkDelete(arrived.map(({ position }) => position - PENDING_POSITION))
  // A stop whose answer was lost: sent again, it would end what somebody has let go on meanwhile.
  const ended = [...fresh.values()].flatMap((row) => (row.kind === 'reply' && !isOpen(row.state) ? [row.id] : []))
  if (ended.length > 0) await dropStops(db, new Set(ended))
  return arrived.map(({ conversationId }) => conversationId)
}

async function dropStops({ outbox }: Database, replyIds: ReadonlySet<string>): Promise<void> {
  await outbox
    .where('state')
    .equals('waiting')
    .filter(({ call }) => call.procedure === 'reply.stop' && replyIds.has(call.input.id))
    .delete()
}

export async function putConversations(db: Database, rows: readonly Conversation[]): Promise<void> {
  if (rows.length === 0) return
  const fresh = [...newest(rows).values()]
  await merge(db, fresh, await db.conversations.bulkGet(fresh.map(({ id }) => id)))
}

/** Calls of these rooms were answered: what was guessed for them gives way to the server's row, which may have come before the answer. */
export async function uncover(db: Database, conversationIds: readonly string[]): Promise<void> {
  if (conversationIds.length === 0) return
  const stored = (await db.conversations.bulkGet([...new Set(conversationIds)])).flatMap((row) => row ?? [])
  await merge(
    db,
    stored.flatMap((row) => row.beneath ?? []),
    [],
    new Map(stored.map((row) => [row.id, row.kept])),
  )
  await rearrange(
    db,
    stored.filter((row) => row.beneath === undefined).map(({ id, kept }) => ({ conversationId: id, ...kept })),
  )
}

/** How the person keeps rooms, as the server says; what is older than what is known is not looked at, unless this `counts`. */
export async function putArrangements(db: Database, rows: readonly Arrangement[], counts = false): Promise<void> {
  if (rows.length === 0) return
  const stored = await db.conversations.bulkGet(rows.map(({ conversationId }) => conversationId))
  await rearrange(
    db,
    rows.filter(({ version }, index) => {
      const known = stored[index]
      return known !== undefined && !isMark(known) && (version > known.kept.version || (counts && version !== known.kept.version))
    }),
  )
}

async function rearrange(db: Database, rows: readonly Arrangement[]): Promise<void> {
  if (rows.length === 0) return
  const ids = rows.map(({ conversationId }) => conversationId)
  const [stored, waiting] = await Promise.all([db.conversations.bulkGet(ids), waitingIn(db, ids)])
  await db.conversations.bulkPut(
    rows.flatMap(({ conversationId, ...kept }, index) => {
      const row = stored[index]
      return row ? [arrangedBy(row, kept, waiting.get(conversationId) ?? [])] : []
    }),
  )
}

/** Of each row, `stored` has what the store had of it before. */
async function merge(
  db: Database,
  rows: readonly Conversation[],
  stored: readonly (StoredConversation | undefined)[],
  kept: ReadonlyMap<string, Kept> = new Map(),
): Promise<void> {
  if (rows.length === 0) return
  const ids = rows.map(({ id }) => id)
  const [waiting, fact] = await Promise.all([waitingIn(db, ids), db.facts.get('me')])
  const name = fact?.key === 'me' ? fact.value.person.name : ''
  // All at once: a first list has thousands of rooms.
  await db.conversations.bulkPut(
    rows.flatMap((row, index) =>
      row.deleted ? [] : (mergeConversation(stored[index], row, waiting.get(row.id) ?? [], name, kept.get(row.id)) ?? []),
    ),
  )
  for (const { id, revision, deleted } of rows) if (deleted) await forget(db, id, revision)
}

/** What waits to be sent, by room. */
async function waitingIn({ outbox }: Database, ids: readonly string[]): Promise<ReadonlyMap<string, OutboxEntry[]>> {
  const entries = await outbox
    .where('conversationId')
    .anyOf([...ids])
    .toArray()
  return Map.groupBy(
    entries.filter(({ state }) => state === 'waiting'),
    ({ conversationId }) => conversationId,
  )
}

/**
 * Takes a room out of the store. What was not sent stays: it is nowhere else. Of a room of the server an empty mark stays, or what another tab
 * has heard before the end and writes after it would bring the room back.
 */
export async function forget(db: Database, conversationId: string, revision = 0): Promise<void> {
  const row = await db.conversations.get(conversationId)
  if (row?.origin === 'server') {
    const { beneath: _, ...rest } = row
    const mark = { title: '', instructions: '', last: null, deleted: true, revision: Math.max(row.revision, revision) }
    await db.conversations.put(shelved({ ...rest, ...mark, ...cleared(row.kept) }))
  } else await db.conversations.delete(conversationId)
  await forgetPeople(db, conversationId)
  await empty(db, conversationId)
}

/** The server has agreed to the removal of a room, which was asked for as the call `seq`: nothing that was not sent before it ever will be. */
export async function dropUnsent(db: Database, conversationId: string, seq: number): Promise<void> {
  await db.outbox
    .where('conversationId')
    .equals(conversationId)
    .filter((entry) => (entry.seq ?? 0) <= seq)
    .delete()
  const [first] = unplaced(conversationId)
  await db.messages
    .where('[conversationId+position]')
    .between(first, [conversationId, PENDING_POSITION + seq])
    .delete()
  await db.drafts.delete(conversationId)
}

/** A whole list is right about the rooms in it, also about one that had been taken out of this store. */
export async function revive(db: Database, since: string | null, rows: readonly Conversation[]): Promise<void> {
  const fact = await db.facts.get('list')
  // Another tab has asked since then: this answer may be from before a removal that the mark stands for.
  if ((fact?.key === 'list' ? fact.value : null) !== since) return
  const waiting = new Set((await db.outbox.toArray()).map(({ conversationId }) => conversationId))
  const ids = rows.filter(({ id, deleted }) => !deleted && !waiting.has(id)).map(({ id }) => id)
  await db.conversations
    .where('id')
    .anyOf(ids)
    .filter(({ deleted }) => deleted)
    .modify({ revision: 0 })
}

/** The server knows less of the room than the store: what it says now counts. */
export async function rewind(db: Database, conversationId: string): Promise<void> {
  await empty(db, conversationId)
  await rewindReading(db, conversationId)
  await db.conversations.where('id').equals(conversationId).modify({ revision: 0 })
}

async function empty(db: Database, conversationId: string): Promise<void> {
  await db.rooms.delete(conversationId)
  await db.messages
    .where('[conversationId+position]')
    .between(...placed(conversationId), true, true)
    .delete()
}
