import { inArray } from 'drizzle-orm'
import { type Conversation, isOpen, LIMITS, type Person, preview } from '#contract'
import { type Change, type ConversationRow, type Fields, reach, thisTransaction, toConversation } from './conversations.ts'
import type { Db } from './open.ts'
import { conversation, member, message, messageColumns } from './schema.ts'
import { sharedPath } from './shares.ts'

/** A copy takes as much as one answer of the database may hold. */
const WHOLE = { rows: 100_000, units: 100_000_000 }
/** Rows of one insert: PostgreSQL takes 65,535 parameters. */
const AT_ONCE = 500

export type Copying = {
  /** Of the new room. */
  readonly id: string
  readonly from: ConversationRow
  /** The message with which the copied path ends; null: nothing is copied. */
  readonly toId: string | null
  /** What the new room is to have of the old one beside its title and its model. */
  readonly fields?: Fields
}

/**
 * A new room of a person's own with a path of another one, without notes and removed messages; `speaker` is the model's name. Replies that are being
 * written come as far as they are, as interrupted ones. Idempotent by `id`; null: the id is another room's. `change` is null when an earlier call
 * has made it.
 */
export async function copy(
  db: Db,
  by: Person,
  { id, from: room, toId, fields }: Copying,
  speaker: string,
): Promise<{ conversation: Conversation; change: Change | null } | null> {
  const mine = await reach(db, id, by.id)
  if (mine) return { conversation: toConversation(mine.row), change: null }
  const path = toId === null ? [] : (await sharedPath(db, room.id, toId, WHOLE)).messages
  const ids = new Map(path.map((source) => [source.id, crypto.randomUUID()]))
  const last = path.at(-1)
  return db.transaction(async (tx) => {
    const [made] = await tx
      .insert(conversation)
      .values({
        id,
        revision: path.length + 1,
        title: room.title,
        // One that is being looked for is for the other room.
        titling: room.titling === 'open' ? 'open' : 'settled',
        model: room.model,
        ...fields,
        count: path.length,
        headId: last ? (ids.get(last.id) ?? null) : null,
        lastName: last ? (last.kind === 'reply' ? speaker : last.author.name) : null,
        lastText: last ? preview(last.text, LIMITS.previewLength) : null,
        // What the model costs is not a guest's to decide, in a room of their own either.
        guestsAsk: by.kind !== 'guest',
        createdBy: by.id,
        changed: thisTransaction,
      })
      .onConflictDoNothing()
      .returning()
    if (!made) return null
    await tx.insert(member).values({ conversationId: id, personId: by.id, role: 'owner', read: path.length, changed: thisTransaction })
    for (let from = 0; from < path.length; from += AT_ONCE) {
      const sources = path.slice(from, from + AT_ONCE)
      const originals = await tx
        .select(messageColumns)
        .from(message)
        .where(
          inArray(
            message.id,
            sources.map((source) => source.id),
          ),
        )
      const byId = new Map(originals.map((row) => [row.id, row]))
      const copies = sources.flatMap((source, index) => {
        const row = byId.get(source.id)
        const copyId = ids.get(source.id)
        if (!row || copyId === undefined) return []
        const place = from + index + 2
        const previous = path[from + index - 1]
        const open = row.state !== null && isOpen(row.state)
        return [
          {
            ...row,
            id: copyId,
            conversationId: id,
            parentId: previous ? (ids.get(previous.id) ?? null) : null,
            position: place,
            revision: place,
            ...(open
              ? { state: 'interrupted' as const, failure: { code: 'restarted' as const }, retryAt: null, finishedAt: new Date() }
              : {}),
          },
        ]
      })
      if (copies.length > 0) await tx.insert(message).values(copies)
    }
    const copied = toConversation(made)
    return { conversation: copied, change: { conversation: copied, messages: [], members: [by.id] } }
  })
}
