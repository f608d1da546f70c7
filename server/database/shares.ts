import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import { isOpen, LIMITS, type Message, type Person, preview } from '#contract'
import { type Change, type ConversationRow, reach, thisTransaction, toConversation } from './conversations.ts'
import { works } from './links.ts'
import { byIds } from './messages.ts'
import { type Db, rows } from './open.ts'
import { conversation, link, member, message } from './schema.ts'

/** A page of a share ends at this many messages, or at this many UTF-16 units of text: like a page of a room, it has to fit a socket's send buffer. */
const PAGE = { rows: LIMITS.sharedRows, units: 100_000 }
/** A copy takes as much as one answer of the database may hold. */
const WHOLE = { rows: 100_000, units: 100_000_000 }
/** Rows of one insert: PostgreSQL takes 65,535 parameters. */
const AT_ONCE = 500

export type Share = { readonly linkId: string; readonly expiresAt: Date | null; readonly room: ConversationRow }

/** The room that a share opens now; null for a secret that is unknown, revoked or expired, and for a room that was removed. */
export async function findShare(db: Db, tokenHash: string): Promise<Share | null> {
  const [found] = await db
    .select({ linkId: link.id, expiresAt: link.expiresAt, room: conversation })
    .from(link)
    .innerJoin(conversation, eq(conversation.id, link.conversationId))
    .where(and(eq(link.tokenHash, tokenHash), eq(link.kind, 'share'), works, isNull(conversation.deletedAt)))
  return found ?? null
}

/**
 * The path that ends with a message of the room, oldest first, without notes and removed messages: so much of it as a page holds. `earlierId`: the
 * message with which the part before ends. A message of another room leads nowhere.
 */
export async function sharedPath(
  db: Db,
  conversationId: string,
  toId: string,
  most: { readonly rows: number; readonly units: number } = PAGE,
): Promise<{ messages: Message[]; earlierId: string | null }> {
  const found = await rows(
    db,
    sql`with recursive path as (
      select id, parent_id, 0 as depth, length(text)::bigint as units
      from message where id = ${toId}::uuid and conversation_id = ${conversationId}::uuid
      union all
      select m.id, m.parent_id, path.depth + 1, path.units + length(m.text)
      from message m join path on m.id = path.parent_id
      where path.depth + 1 < ${most.rows}::int and path.units < ${most.units}::bigint
    )
    select id::text as id, parent_id::text as "parentId" from path order by depth`,
  )
  const ids = found.map(({ id }) => String(id))
  const stored = ids.length === 0 ? [] : await byIds(db, ids)
  const earlier = found.at(-1)?.['parentId']
  return {
    messages: stored
      .map((row) => row.message)
      .filter(({ kind, deleted }) => kind !== 'note' && !deleted)
      .sort((one, other) => one.position - other.position),
    earlierId: typeof earlier === 'string' ? earlier : null,
  }
}

/**
 * A new room of a person's own with what a share shows of another one, the whole path; `speaker` is the model's name. Replies that are being written come as far as they are, as interrupted ones.
 * Idempotent by `id`; null: the id is another room's. `change` is null when an earlier call has made it.
 */
export async function copyShared(
  db: Db,
  by: Person,
  id: string,
  room: ConversationRow,
  speaker: string,
): Promise<{ change: Change | null } | null> {
  const mine = await reach(db, id, by.id)
  if (mine) return { change: null }
  const path = room.headId === null ? [] : (await sharedPath(db, room.id, room.headId, WHOLE)).messages
  const ids = new Map(path.map((source) => [source.id, crypto.randomUUID()]))
  const last = path.at(-1)
  return db.transaction(async (tx) => {
    const [made] = await tx
      .insert(conversation)
      .values({
        id,
        revision: path.length + 1,
        title: room.title,
        model: room.model,
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
        .select()
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
    return { change: { conversation: toConversation(made), messages: [], members: [by.id] } }
  })
}
