import { and, asc, desc, eq, gt, inArray, lt, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { type Author, isOpen, type Message, type PersonMessage, type Reply } from '#contract'
import type { Queryable } from './conversations.ts'
import { message, messageColumns, person } from './schema.ts'

export type MessageRow = Omit<typeof message.$inferSelect, 'searched'>

/**
 * A page ends at this many UTF-16 units of text: with the text of a running reply beside it, and three bytes for every unit, one answer still
 * fits a socket's send buffer, and the frames that follow it do not close a slow reader's socket for ever.
 */
const PAGE_UNITS = 100_000

const stopper = alias(person, 'stopper')

/** What a row names by id, by name. */
export type Names = { author: string | null; stopper: string | null }

export function toMessage(row: MessageRow, names: Names): Message {
  return row.kind === 'reply' ? toReply(row, names) : toPersonMessage(row, row.kind, names.author ?? '')
}

export function toReply(row: MessageRow, names: Names): Reply {
  return {
    ...place(row),
    kind: 'reply',
    state: row.state ?? 'failed',
    askedBy: named(row.authorId, names.author),
    model: row.model,
    usage: row.usage,
    thoughts: row.deletedAt === null ? row.thoughts : null,
    omitted: row.omitted,
    failure: row.failure,
    retryAt: row.retryAt?.getTime() ?? null,
    truncated: row.truncated,
    stoppedBy: named(row.stoppedById, names.stopper),
    finishedAt: row.state !== null && isOpen(row.state) ? null : (row.finishedAt?.getTime() ?? null),
  }
}

function named(id: string | null, name: string | null): Author | null {
  return id === null ? null : { id, name: name ?? '' }
}

function toPersonMessage(row: MessageRow, kind: PersonMessage['kind'], authorName: string): PersonMessage {
  return { ...place(row), kind, author: { id: row.authorId ?? row.id, name: authorName } }
}

function place(row: MessageRow) {
  return {
    id: row.id,
    conversationId: row.conversationId,
    parentId: row.parentId,
    text: row.deletedAt === null ? row.text : '',
    position: row.position,
    revision: row.revision,
    createdAt: row.createdAt.getTime(),
    deleted: row.deletedAt !== null,
  }
}

/** What an update of a message returns: its row, and the names in it. */
export const changedRow = {
  ...messageColumns,
  author: sql<string | null>`(select name from person where id = ${message.authorId})`,
  stopper: sql<string | null>`(select name from person where id = ${message.stoppedById})`,
}

function select(db: Queryable) {
  return db
    .select({ row: messageColumns, names: { author: person.name, stopper: stopper.name } })
    .from(message)
    .leftJoin(person, eq(person.id, message.authorId))
    .leftJoin(stopper, eq(stopper.id, message.stoppedById))
}

export async function byIds(db: Queryable, ids: readonly string[]): Promise<{ row: MessageRow; message: Message }[]> {
  const rows = await select(db).where(inArray(message.id, [...ids]))
  return rows.map(({ row, names }) => ({ row, message: toMessage(row, names) }))
}

/** Rows with a revision above `since`, in the order of their revisions. `more`: later ones are left. */
export async function changedSince(db: Queryable, conversationId: string, since: number, limit: number): Promise<Page> {
  return page(
    await select(db)
      .where(and(eq(message.conversationId, conversationId), gt(message.revision, since)))
      .orderBy(asc(message.revision))
      .limit(limit + 1),
    limit,
  )
}

/** Rows with a position below `before`, newest first. `more`: older ones are left. */
export async function before(db: Queryable, conversationId: string, before: number, limit: number): Promise<Page> {
  return page(
    await select(db)
      .where(and(eq(message.conversationId, conversationId), lt(message.position, before)))
      .orderBy(desc(message.position))
      .limit(limit + 1),
    limit,
  )
}

export type Page = { readonly messages: Message[]; readonly more: boolean }

function page(rows: { row: MessageRow; names: Names }[], limit: number): Page {
  let units = 0
  const messages: Message[] = []
  for (const { row, names } of rows.slice(0, limit)) {
    units += row.text.length + (row.thoughts?.text.length ?? 0)
    if (units > PAGE_UNITS && messages.length > 0) break
    messages.push(toMessage(row, names))
  }
  return { messages, more: messages.length < rows.length }
}

/** One message on the way from the root of the room to a prompt. */
export type Step = { readonly kind: MessageRow['kind']; readonly text: string; readonly author: string | null; readonly deleted: boolean }

/**
 * The path that leads to a message, oldest first and without that message itself: at most `most.steps` of it, and no further back than
 * `most.units` of text.
 */
export async function path(db: Queryable, toId: string, most: { steps: number; units: number }): Promise<Step[]> {
  const steps = sql`(
    with recursive path as (
      select id, parent_id, kind, text, author_id, deleted_at, 0 as depth, 0::bigint as units from message where id = ${toId}
      union all
      select m.id, m.parent_id, m.kind, m.text, m.author_id, m.deleted_at, path.depth + 1, path.units + length(m.text)
      from message m join path on m.id = path.parent_id where path.depth < ${most.steps} and path.units <= ${most.units}
    )
    select path.kind, path.text, path.depth, path.deleted_at is not null as deleted, person.name as author
    from path left join person on person.id = path.author_id where path.depth > 0
  ) as steps`
  return db
    .select({
      kind: sql<MessageRow['kind']>`steps.kind`,
      text: sql<string>`steps.text`,
      author: sql<string | null>`steps.author`,
      deleted: sql<boolean>`steps.deleted`,
    })
    .from(steps)
    .orderBy(sql`steps.depth desc`)
}

/** How many prompts and replies the path that leads to a message has beyond its last `steps`. */
export async function countBeyond(db: Queryable, toId: string, steps: number): Promise<number> {
  const far = sql`(
    with recursive path as (
      select id, parent_id, kind, deleted_at, 0 as depth from message where id = ${toId}
      union all
      select m.id, m.parent_id, m.kind, m.deleted_at, path.depth + 1 from message m join path on m.id = path.parent_id
    )
    select id from path where depth > ${steps} and kind <> 'note' and deleted_at is null
  ) as far`
  const [found] = await db.select({ count: sql<number>`count(*)::int` }).from(far)
  return found?.count ?? 0
}
