import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { AnswerRule, Author, Conversation, Message, Role, Thinking } from '#contract'
import { carryOut } from './operations.ts'
import type { Db } from './open.ts'
import { conversation, member, message } from './schema.ts'

export type Transaction = Parameters<Parameters<Db['transaction']>[0]>[0]
export type Queryable = Db | Transaction
export type ConversationRow = typeof conversation.$inferSelect

/** A durable change as everybody has to hear of it: the room's row, the messages that changed, who the members are. */
export type Change = { readonly conversation: Conversation; readonly messages: readonly Message[]; readonly members: readonly string[] }

/** A conversation whose row this transaction has locked: whoever holds it writes the next revision. */
export type Locked = { readonly row: ConversationRow; readonly role: Role; readonly members: readonly string[] }

export type Fields = {
  title?: string
  model?: string | null
  instructions?: string
  temperature?: number | null
  thinking?: Thinking | null
  answer?: AnswerRule
  guestsAsk?: boolean
  dayTokens?: number | null
}

/** The transaction that changes a row, for `changed` columns. */
export const thisTransaction = sql<string>`pg_current_xact_id()`

const memberIds = sql<string>`(select string_agg(person_id::text, ',') from member where member.conversation_id = ${conversation.id})`

export function toConversation(row: ConversationRow): Conversation {
  return {
    id: row.id,
    revision: row.revision,
    title: row.title,
    model: row.model,
    instructions: row.instructions,
    temperature: row.temperature,
    thinking: row.thinking,
    answer: row.answer,
    guestsAsk: row.guestsAsk,
    dayTokens: row.dayTokens,
    count: row.count,
    headId: row.headId,
    last: row.lastName === null ? null : { name: row.lastName, text: row.lastText ?? '' },
    runningId: row.runningId,
    createdAt: row.createdAt.getTime(),
    updatedAt: row.updatedAt.getTime(),
    deleted: row.deletedAt !== null,
  }
}

/**
 * Reaches a conversation through a membership and locks its row. null: it does not exist, was removed, or is not this person's.
 * `open` counts the replies of the room that have not ended; where the lock had to be waited for, it is from before the wait.
 */
export async function lockFor(
  tx: Transaction,
  conversationId: string,
  personId: string,
): Promise<(Locked & { readonly open: number }) | null> {
  const [found] = await tx
    .select({
      row: conversation,
      role: member.role,
      members: memberIds,
      open: tx.$count(message, and(eq(message.conversationId, conversationId), inArray(message.state, ['queued', 'streaming']))),
    })
    .from(member)
    .innerJoin(conversation, eq(conversation.id, member.conversationId))
    .where(and(eq(member.personId, personId), eq(member.conversationId, conversationId), isNull(conversation.deletedAt)))
    .for('update', { of: conversation })
  return found ? { ...found, members: found.members.split(',') } : null
}

/** Locks a conversation for the server's own work, removed or not. */
export async function lock(tx: Transaction, conversationId: string): Promise<Omit<Locked, 'role'> | null> {
  const [found] = await tx
    .select({ row: conversation, members: memberIds })
    .from(conversation)
    .where(eq(conversation.id, conversationId))
    .for('update', { of: conversation })
  return found ? { ...found, members: found.members.split(',') } : null
}

/** A conversation as it is now, removed or not, and who its members are. null: there is no such one. */
export async function current(db: Db, id: string): Promise<Omit<Change, 'messages'> | null> {
  const [found] = await db.select({ row: conversation, members: memberIds }).from(conversation).where(eq(conversation.id, id))
  return found ? { conversation: toConversation(found.row), members: found.members.split(',') } : null
}

/** Writes the fields of a locked conversation together with its next revision. */
export async function write(
  tx: Transaction,
  locked: { row: ConversationRow },
  values: Partial<typeof conversation.$inferInsert> & { revision: number },
): Promise<Conversation> {
  const [row] = await tx
    .update(conversation)
    .set({ ...values, changed: thisTransaction })
    .where(eq(conversation.id, locked.row.id))
    .returning()
  if (!row) throw new Error('a locked conversation vanished')
  return toConversation(row)
}

/** null: the id is another person's, or was removed. `change` is null when the conversation was there already. */
export async function create(
  db: Db,
  by: Author,
  id: string,
  fields: Fields,
): Promise<{ conversation: Conversation; change: Change | null } | null> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .insert(conversation)
      .values({ ...fields, titling: fields.title ? 'settled' : 'open', id, revision: 1, createdBy: by.id, changed: thisTransaction })
      .onConflictDoNothing()
      .returning()
    if (!row) {
      const mine = await reach(tx, id, by.id)
      return mine ? { conversation: toConversation(mine.row), change: null } : null
    }
    await tx.insert(member).values({ conversationId: id, personId: by.id, role: 'owner', changed: thisTransaction })
    const made = toConversation(row)
    return { conversation: made, change: { conversation: made, messages: [], members: [by.id] } }
  })
}

/** Sets fields. `change` is null when they had these values already, or when this very operation has set them before. */
export async function update(
  db: Db,
  personId: string,
  id: string,
  fields: Fields,
  operation?: string,
): Promise<{ kind: 'done'; conversation: Conversation; change: Change | null } | { kind: 'missing' } | { kind: 'forbidden' }> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, id, personId)
    if (!locked) return { kind: 'missing' }
    // What the model may cost, and for whom, is the owner's to say.
    const owners = fields.guestsAsk !== undefined || fields.dayTokens !== undefined
    if (locked.role === 'viewer' || (owners && locked.role !== 'owner')) return { kind: 'forbidden' }
    const { row, members } = locked
    const again = operation !== undefined && !(await carryOut(tx, { id: operation, personId }))
    const chosen = fields.title === undefined || row.titling === 'settled'
    const same = chosen && (Object.keys(fields) as (keyof Fields)[]).every((key) => fields[key] === row[key])
    if (again || same) return { kind: 'done', conversation: toConversation(row), change: null }
    const titling = fields.title === undefined ? {} : { titling: 'settled' as const }
    const written = await write(tx, locked, { ...fields, ...titling, revision: row.revision + 1 })
    return { kind: 'done', conversation: written, change: { conversation: written, messages: [], members } }
  })
}

/** Leaves a tombstone. Removing what is gone, or what was never there, is done already: `members` is then empty. */
export async function remove(
  db: Db,
  personId: string,
  id: string,
): Promise<{ kind: 'done'; runningId: string | null; members: readonly string[] } | { kind: 'forbidden' }> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, id, personId)
    if (!locked) return { kind: 'done', runningId: null, members: [] }
    if (locked.role !== 'owner') return { kind: 'forbidden' }
    await bury(tx, locked)
    return { kind: 'done', runningId: locked.row.runningId, members: locked.members }
  })
}

/** Removes a locked conversation. What waits for its turn will not be asked; the reply that is being written ends by itself. */
export async function bury(tx: Transaction, { row }: { row: ConversationRow }): Promise<void> {
  await write(tx, { row }, { deletedAt: new Date(), revision: row.revision + 1 })
  await tx
    .update(message)
    .set({ state: 'stopped' })
    .where(and(eq(message.conversationId, row.id), eq(message.state, 'queued')))
}

/** Whether an id is that of a room which somebody is not in. */
export async function isForeign(db: Queryable, id: string, personId: string): Promise<boolean> {
  const [found] = await db
    .select({ role: member.role })
    .from(conversation)
    .leftJoin(member, and(eq(member.conversationId, conversation.id), eq(member.personId, personId)))
    .where(eq(conversation.id, id))
  return found !== undefined && found.role === null
}

/** Reaches a conversation through a membership, without a lock. */
export async function reach(db: Queryable, id: string, personId: string): Promise<{ row: ConversationRow; role: Role } | null> {
  const [found] = await db
    .select({ row: conversation, role: member.role })
    .from(member)
    .innerJoin(conversation, eq(conversation.id, member.conversationId))
    .where(and(eq(member.personId, personId), eq(member.conversationId, id), isNull(conversation.deletedAt)))
  return found ?? null
}
