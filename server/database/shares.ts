import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { LIMITS, type Message } from '#contract'
import type { ConversationRow } from './conversations.ts'
import { works } from './links.ts'
import { byIds } from './messages.ts'
import { type Db, rows } from './open.ts'
import { conversation, link } from './schema.ts'

/** A page of a share ends at this many messages, or at this many UTF-16 units of text: like a page of a room, it has to fit a socket's send buffer. */
const PAGE = { rows: LIMITS.sharedRows, units: 100_000 }

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

/** So much of a path at most: of its messages, and of the UTF-16 units of their texts. */
type Most = { readonly rows: number; readonly units: number }

/** The table `path` (id, parent_id, depth, units) of a recursive query: from a message of the room, which has depth 0, back to the room's first. */
export function pathBack(conversationId: string, toId: string, most: Most): SQL {
  return sql`path as (
    select id, parent_id, 0 as depth, length(text)::bigint as units
    from message where id = ${toId}::uuid and conversation_id = ${conversationId}::uuid
    union all
    select m.id, m.parent_id, path.depth + 1, path.units + length(m.text)
    from message m join path on m.id = path.parent_id
    where path.depth + 1 < ${most.rows}::int and path.units < ${most.units}::bigint
  )`
}

/**
 * The path that ends with a message of the room, oldest first, without notes and removed messages: so much of it as a page holds. `earlierId`: the
 * message with which the part before ends. A message of another room leads nowhere.
 */
export async function sharedPath(db: Db, conversationId: string, toId: string): Promise<{ messages: Message[]; earlierId: string | null }> {
  const found = await rows(
    db,
    sql`with recursive ${pathBack(conversationId, toId, PAGE)}
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
