import { eq, type SQL, sql } from 'drizzle-orm'
import { type Conversation, type LiveReply, LIMITS, type Person, preview, storable } from '#contract'
import {
  type Change,
  type ConversationRow,
  type Fields,
  reach,
  thisTransaction,
  toConversation,
  type Transaction,
} from './conversations.ts'
import type { Db } from './open.ts'
import { conversation, member, message, messageColumns, person } from './schema.ts'
import { pathBack } from './shares.ts'

/** A copy takes as much as one answer of the database may hold. */
const WHOLE = { rows: 100_000, units: 100_000_000 }

export type Copying = {
  /** Of the new room. */
  readonly id: string
  readonly from: ConversationRow
  /** The message with which the copied path ends; null: nothing is copied. */
  readonly toId: string | null
  /** What the replies that are being written have said so far. */
  readonly live: readonly LiveReply[]
  /** Whether what the model has thought comes along: whoever only reads a share has not seen it. */
  readonly thoughts: boolean
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
  copying: Copying,
  speaker: string,
): Promise<{ conversation: Conversation; change: Change | null } | null> {
  const { id, from: room, fields } = copying
  const mine = await reach(db, id, by.id)
  if (mine) return { conversation: toConversation(mine.row), change: null }
  return db.transaction(async (tx) => {
    const [begun] = await tx
      .insert(conversation)
      .values({
        id,
        revision: 1,
        title: room.title,
        // One that is being looked for is for the other room.
        titling: room.titling === 'open' ? 'open' : 'settled',
        model: room.model,
        ...fields,
        // What the model costs is not a guest's to decide, in a room of their own either.
        guestsAsk: by.kind !== 'guest',
        createdBy: by.id,
        changed: thisTransaction,
      })
      .onConflictDoNothing()
      .returning()
    if (!begun) return null
    const count = await copyMessages(tx, copying)
    await tx.insert(member).values({ conversationId: id, personId: by.id, role: 'owner', read: count, changed: thisTransaction })
    const [last] = await tx
      .select({
        id: message.id,
        kind: message.kind,
        text: sql<string>`left(${message.text}, ${LIMITS.previewLength * 8})`,
        author: person.name,
      })
      .from(message)
      .leftJoin(person, eq(person.id, message.authorId))
      .where(eq(message.conversationId, id))
      .orderBy(sql`${message.position} desc`)
      .limit(1)
    const words = last && {
      headId: last.id,
      lastName: last.kind === 'reply' ? speaker : last.author,
      lastText: preview(last.text, LIMITS.previewLength),
    }
    const [made] = await tx
      .update(conversation)
      .set({ revision: count + 1, count, ...words })
      .where(eq(conversation.id, id))
      .returning()
    if (!made) throw new Error('a room went while it was made')
    const copied = toConversation(made)
    return { conversation: copied, change: { conversation: copied, messages: [], members: [by.id] } }
  })
}

/** Copies the path into the room, which is there; how many messages that are. No text leaves the database: of a long room that would be minutes. */
async function copyMessages(tx: Transaction, { id, from, toId, live, thoughts }: Copying): Promise<number> {
  if (toId === null) return 0
  const said = live.map((reply) => ({ id: reply.id, text: storable(reply.text), thoughts: { text: storable(reply.thoughts), ms: 0 } }))
  const open = sql`${message.state} in ('queued', 'streaming')`
  const other: Partial<Record<string, SQL>> = {
    id: sql`linked.copy_id`,
    conversationId: sql`${id}::uuid`,
    parentId: sql`linked.parent_copy_id`,
    position: sql`linked.place`,
    revision: sql`linked.place`,
    text: sql`case when ${open} then coalesce(said.text, ${message.text}) else ${message.text} end`,
    state: sql`case when ${open} then 'interrupted' else ${message.state} end`,
    failure: sql`case when ${open} then '{"code":"restarted"}'::jsonb else ${message.failure} end`,
    retryAt: sql`case when ${open} then null else ${message.retryAt} end`,
    finishedAt: sql`case when ${open} then now() else ${message.finishedAt} end`,
    thoughts: thoughts
      ? sql`case when ${open} and said.thoughts ->> 'text' <> '' then said.thoughts else ${message.thoughts} end`
      : sql`null::jsonb`,
  }
  const columns = Object.entries(messageColumns)
  const made = await tx
    .insert(message)
    .select(
      sql`with recursive ${pathBack(from.id, toId, WHOLE)}, kept as (
        select path.id, (row_number() over (order by path.depth desc) + 1)::int as place from path join message source on source.id = path.id
        where source.kind <> 'note' and source.deleted_at is null
      ), copied as materialized (
        select id, place, gen_random_uuid() as copy_id from kept
      ), linked as (
        select *, lag(copy_id) over (order by place) as parent_copy_id from copied
      ), said as (
        select * from jsonb_to_recordset(${JSON.stringify(said)}::text::jsonb) as said(id uuid, text text, thoughts jsonb)
      )
      select ${sql.join(
        columns.map(([key, column]) => other[key] ?? sql`${column}`),
        sql`, `,
      )}
      from linked join ${message} on ${message.id} = linked.id left join said on said.id = linked.id`,
    )
    .returning({ position: message.position })
  return made.length
}
