import { and, asc, eq, gte, isNull, or, sql } from 'drizzle-orm'
import { type Arrangement, type Conversation, isId, LIMITS, type Membership } from '#contract'
import { toArrangement } from './arrangements.ts'
import { type ConversationRow, toConversation } from './conversations.ts'
import type { Db } from './open.ts'
import { arrangement, conversation, departure, member } from './schema.ts'

/** A page of the list ends at this many UTF-16 units: one answer must fit a socket's send buffer. */
const PAGE_UNITS = 200_000
/** What a row costs beside its texts. */
const ROW_UNITS = 500
/** The end of a list: where the next one begins. */
const END = /^(\d{1,19})$/
/** The end of a page: of its list, and its last row's. */
const PAGE = /^(\d{1,19})\.(\d{1,19})\.([\da-f-]{36})$/

const lastChange = sql`greatest(${conversation.changed}, ${member.changed}, ${arrangement.changed})`

/** `complete`: it began with all rooms that live. `more`: go on from the cursor. */
export type Listing = {
  conversations: Conversation[]
  memberships: Membership[]
  arrangements: Arrangement[]
  gone: string[]
  cursor: string
  complete: boolean
  more: boolean
}

/**
 * The rooms of a person, those that were changed first first: all that live, or those changed since a cursor, removed ones included.
 *
 * The cursor that ends a list is the xmin of a snapshot taken before its rows are read: a transaction that had not ended by then has an id at or above
 * it and is found by the next call, whatever the order of the commits. One that this database has not reached yet comes from before a restore; it is
 * answered with everything. The cursor of a page is that of the first page's snapshot, for what commits while the list is read may belong before rows
 * that were told already, and its last row's place: one transaction may have changed any number of rooms.
 */
export async function list(db: Db, personId: string, since: string | null): Promise<Listing> {
  const [now] = await db
    .select({
      from: sql<string>`pg_snapshot_xmin(snapshot.value)::text`,
      to: sql<string>`pg_snapshot_xmax(snapshot.value)::text`,
    })
    .from(sql`(select pg_current_snapshot() as value) as snapshot`)
  if (!now) throw new Error('no snapshot')
  const after = placeOf(since ?? '')
  const [, end] = END.exec(since ?? '') ?? []
  const from = after?.from ?? now.from
  const cursor = after?.from ?? (end !== undefined && BigInt(end) <= BigInt(now.to) ? end : null)
  const mine = eq(member.personId, personId)
  const rows = await db
    .select({ row: conversation, arranged: arrangement, role: member.role, read: member.read, changed: sql<string>`${lastChange}::text` })
    .from(member)
    .innerJoin(conversation, eq(conversation.id, member.conversationId))
    .leftJoin(arrangement, and(eq(arrangement.personId, personId), eq(arrangement.conversationId, member.conversationId)))
    .where(
      cursor === null
        ? and(mine, isNull(conversation.deletedAt))
        : and(
            mine,
            after
              ? sql`(${lastChange}, ${conversation.id}) > (${xid(after.changed)}, ${after.id}::uuid)`
              : or(gte(conversation.changed, xid(cursor)), gte(member.changed, xid(cursor)), gte(arrangement.changed, xid(cursor))),
          ),
    )
    .orderBy(asc(lastChange), asc(conversation.id))
    .limit(LIMITS.listRows + 1)
  const gone =
    cursor === null
      ? []
      : await db
          .select({ id: departure.conversationId })
          .from(departure)
          .where(and(eq(departure.personId, personId), gte(departure.changed, xid(cursor))))
  const fitting = fit(rows)
  const last = rows[fitting - 1]
  const more = fitting < rows.length && last !== undefined
  const shown = rows.slice(0, fitting)
  return {
    conversations: shown.map(({ row }) => toConversation(row)),
    memberships: shown.map(({ row, role, read }) => ({ conversationId: row.id, role, read })),
    arrangements: shown.flatMap(({ arranged }) => (arranged ? [toArrangement(arranged)] : [])),
    gone: gone.map(({ id }) => id),
    cursor: more ? `${from}.${last.changed}.${last.row.id}` : from,
    complete: cursor === null,
    more,
  }
}

/** How many rows fit a page; at least one. */
function fit(rows: readonly { row: ConversationRow }[]): number {
  let units = 0
  for (const [index, { row }] of rows.entries()) {
    units += ROW_UNITS + row.title.length + row.instructions.length + (row.lastText?.length ?? 0)
    if (index >= LIMITS.listRows || (units > PAGE_UNITS && index >= 1)) return index
  }
  return rows.length
}

function placeOf(cursor: string): { from: string; changed: string; id: string } | null {
  const [, from, changed, id] = PAGE.exec(cursor) ?? []
  return from !== undefined && changed !== undefined && id !== undefined && isId(id) ? { from, changed, id } : null
}

function xid(value: string) {
  return sql<string>`${value}::text::xid8`
}
