import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import type { Failure, Reply, ReplyState, Role } from '#contract'
import { type Change, lock, type Queryable, write } from './conversations.ts'
import { byIds, changedRow, toReply } from './messages.ts'
import type { Db } from './open.ts'
import { conversation, member, message } from './schema.ts'

const OPEN: ReplyState[] = ['queued', 'streaming']

/** What a run has to know to begin: the kept text, the prompt, the room's settings. null: there is no such reply in the queue. */
export async function findQueued(db: Queryable, id: string) {
  const [found] = await db
    .select({
      id: message.id,
      conversationId: message.conversationId,
      parentId: message.parentId,
      text: message.text,
      model: sql<string | null>`coalesce(${message.wantedModel}, ${conversation.model})`,
      instructions: conversation.instructions,
      temperature: conversation.temperature,
      thinking: conversation.thinking,
      thoughts: message.thoughts,
      retryAt: message.retryAt,
      deletedAt: conversation.deletedAt,
    })
    .from(message)
    .innerJoin(conversation, eq(conversation.id, message.conversationId))
    .where(and(eq(message.id, id), eq(message.state, 'queued')))
  return found ?? null
}

/** Marks a queued reply as being written. null: it was not queued any more. */
export async function begin(db: Db, reply: { id: string; conversationId: string }): Promise<Change | null> {
  return db.transaction(async (tx) => {
    const locked = await lock(tx, reply.conversationId)
    if (!locked) return null
    const revision = locked.row.revision + 1
    const [row] = await tx
      .update(message)
      .set({ state: 'streaming', revision })
      .where(and(eq(message.id, reply.id), eq(message.state, 'queued')))
      .returning(changedRow)
    if (!row) return null
    const written = await write(tx, locked, { revision, runningId: row.id })
    return { conversation: written, messages: [toReply(row, row)], members: locked.members }
  })
}

/** Writes that the model refused for the moment (no failure: that it is not asked yet), and when it is asked; null: now. null: the reply has ended meanwhile. */
export async function defer(
  db: Db,
  reply: { id: string; conversationId: string },
  wait: { failure: Failure | null; retryAt: Date | null },
): Promise<Change | null> {
  return db.transaction(async (tx) => {
    const locked = await lock(tx, reply.conversationId)
    if (!locked) return null
    const revision = locked.row.revision + 1
    const [row] = await tx
      .update(message)
      .set({ ...wait, revision })
      .where(and(eq(message.id, reply.id), inArray(message.state, OPEN)))
      .returning(changedRow)
    if (!row) return null
    const written = await write(tx, locked, { revision })
    return { conversation: written, messages: [toReply(row, row)], members: locked.members }
  })
}

/**
 * Puts a reply that the model has only refused so far back into the queue, with what is known of when it may be asked again. In a room that was
 * removed meanwhile it ends instead, as everything did that waited there.
 */
export async function putBack(db: Db, reply: { id: string; conversationId: string }): Promise<void> {
  await db.transaction(async (tx) => {
    const locked = await lock(tx, reply.conversationId)
    if (!locked) return
    const revision = locked.row.revision + 1
    const [row] = await tx
      .update(message)
      .set({ state: locked.row.deletedAt === null ? 'queued' : 'stopped', revision })
      .where(and(eq(message.id, reply.id), eq(message.state, 'streaming')))
      .returning({ id: message.id })
    if (row) await write(tx, locked, { revision, runningId: locked.row.runningId === row.id ? null : locked.row.runningId })
  })
}

/** Reaches a reply through a membership of its room. */
export async function reachReply(
  db: Queryable,
  personId: string,
  id: string,
): Promise<{ conversationId: string; state: ReplyState; role: Role } | null> {
  const [found] = await db
    .select({ conversationId: message.conversationId, state: message.state, role: member.role, deletedAt: conversation.deletedAt })
    .from(message)
    .innerJoin(member, and(eq(member.conversationId, message.conversationId), eq(member.personId, personId)))
    .innerJoin(conversation, eq(conversation.id, message.conversationId))
    .where(and(eq(message.id, id), eq(message.kind, 'reply')))
  if (!found?.state || found.deletedAt !== null) return null
  return { conversationId: found.conversationId, state: found.state, role: found.role }
}

export async function readReply(db: Queryable, id: string): Promise<Reply | null> {
  const [found] = await byIds(db, [id])
  return found?.message.kind === 'reply' ? found.message : null
}

/** Every reply that has not ended, in the order in which they were asked for. */
export async function openReplies(
  db: Queryable,
): Promise<{ id: string; conversationId: string; state: ReplyState | null; askedBy: { id: string } | null }[]> {
  const found = await db
    .select({ id: message.id, conversationId: message.conversationId, state: message.state, authorId: message.authorId })
    .from(message)
    .where(inArray(message.state, OPEN))
    .orderBy(asc(message.conversationId), asc(message.position))
  return found.map(({ authorId, ...reply }) => ({ ...reply, askedBy: authorId === null ? null : { id: authorId } }))
}
