import type { Conversation, Message } from '#contract'
import { type Database, PENDING_POSITION, placed } from './database.ts'
import { mergeConversation, mergeMessage, newest } from './merge.ts'

/*
 * Rows of the server into the store, inside of a transaction that the caller has begun.
 */

export async function putMessages(db: Database, rows: readonly Message[]): Promise<void> {
  if (rows.length === 0) return
  const byId = newest(rows)
  const stored = await db.messages.bulkGet([...byId.keys()])
  const fresh = [...byId.values()].flatMap((row, index) => mergeMessage(stored[index], row) ?? [])
  await db.messages.bulkPut(fresh)
  // The row of an unsent message proves that it arrived, though its answer was lost.
  const arrived = stored.flatMap((message) => (message && message.delivery !== 'sent' ? [message.position - PENDING_POSITION] : []))
  if (arrived.length > 0) await db.outbox.bulkDelete(arrived)
}

export async function putConversations(db: Database, rows: readonly Conversation[]): Promise<void> {
  if (rows.length === 0) return
  const byId = newest(rows)
  const ids = [...byId.keys()]
  const [stored, waiting, fact] = await Promise.all([
    db.conversations.bulkGet(ids),
    db.outbox.where('conversationId').anyOf(ids).toArray(),
    db.facts.get('me'),
  ])
  const name = fact?.key === 'me' ? fact.value.person.name : ''
  for (const [index, row] of [...byId.values()].entries()) {
    if (row.deleted) {
      await forget(db, row.id)
      continue
    }
    const merged = mergeConversation(
      stored[index],
      row,
      waiting.filter(({ conversationId }) => conversationId === row.id),
      name,
    )
    if (merged) await db.conversations.put(merged)
  }
}

/** Takes a room out of the store. What was not sent stays: it is nowhere else. */
export async function forget(db: Database, conversationId: string): Promise<void> {
  await db.conversations.delete(conversationId)
  await rewind(db, conversationId)
}

export async function rewind(db: Database, conversationId: string): Promise<void> {
  await db.rooms.delete(conversationId)
  await db.messages
    .where('[conversationId+position]')
    .between(...placed(conversationId), true, true)
    .delete()
  await db.conversations.where('id').equals(conversationId).modify({ revision: 0 })
}
