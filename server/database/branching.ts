import { and, eq, isNull, sql } from 'drizzle-orm'
import { addressesModel, type Conversation, LIMITS, type Message, type Person, preview, type Reply } from '#contract'
import { type Change, type Locked, lockFor, type Queryable, toConversation, type Transaction, write } from './conversations.ts'
import { byIds, changedRow, toMessage } from './messages.ts'
import { carryOut } from './operations.ts'
import { type Db, rows } from './open.ts'
import { conversation, member, message } from './schema.ts'

type Refused = { readonly kind: 'missing' | 'forbidden' | 'guest' | 'taken' | 'busy' }

export type Branched =
  /** `change` is null when an earlier call with the same ids has stored them. */
  { readonly kind: 'branched'; readonly message: Message; readonly reply: Reply | null; readonly change: Change | null } | Refused

export type Edit = {
  readonly id: string
  readonly conversationId: string
  readonly of: string
  readonly text: string
  readonly replyId: string
}
export type Again = { readonly conversationId: string; readonly of: string; readonly replyId: string; readonly model?: string | undefined }

/** The room of a message, reached through a membership. null: it is not there, or not the person's to see. */
export async function roomOfMessage(db: Queryable, personId: string, id: string): Promise<string | null> {
  const [found] = await db
    .select({ conversationId: message.conversationId })
    .from(message)
    .innerJoin(member, and(eq(member.conversationId, message.conversationId), eq(member.personId, personId)))
    .innerJoin(conversation, and(eq(conversation.id, message.conversationId), isNull(conversation.deletedAt)))
    .where(eq(message.id, id))
  return found?.conversationId ?? null
}

/** Stores a prompt of `by` beside the one that it replaces on the path, with a queued reply where the model is to answer. The head moves to them. */
export async function edit(db: Db, by: Person, input: Edit): Promise<Branched> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, input.conversationId, by.id)
    if (!locked) return { kind: 'missing' }
    if (locked.role === 'viewer') return { kind: 'forbidden' }
    const found = await byIds(tx, [input.of, input.id, input.replyId])
    const source = found.find(({ row }) => row.id === input.of)
    if (source?.row.kind !== 'prompt' || source.row.conversationId !== input.conversationId) return { kind: 'missing' }
    if (source.row.authorId !== by.id) return { kind: 'forbidden' }
    const made = found.find(({ row }) => row.id === input.id)
    const answer = found.find(({ row }) => row.id === input.replyId)
    if (made || answer) {
      const mine = made?.row.authorId === by.id && made.row.conversationId === input.conversationId && input.id !== input.of
      if (!made || !mine) return { kind: 'taken' }
      const reply = answer?.row.parentId === input.id ? answer.message : null
      return { kind: 'branched', message: made.message, reply: reply?.kind === 'reply' ? reply : null, change: null }
    }
    if (source.row.deletedAt !== null) return { kind: 'missing' }
    const asks = locked.row.answer === 'always' || addressesModel(input.text)
    const refusal = asks ? notNow(by, locked) : null
    if (refusal) return refusal
    if (input.id === input.replyId) return { kind: 'taken' }
    const position = locked.row.revision + 1
    const shared = { conversationId: input.conversationId, authorId: by.id }
    const { id, text, replyId } = input
    const stored = await insert(tx, [
      { ...shared, id, parentId: source.row.parentId, kind: 'prompt', text, position, revision: position },
      ...(asks ? [queued({ ...shared, id: replyId, parentId: id }, position + 1)] : []),
    ])
    const words = { lastName: by.name, lastText: preview(text, LIMITS.previewLength) }
    const change = await moveTo(tx, by, locked, stored, words)
    const [prompt, reply] = stored
    if (!prompt) throw new Error('an edited prompt was not stored')
    return { kind: 'branched', message: prompt, reply: reply?.kind === 'reply' ? reply : null, change }
  })
}

/** Stores a queued reply beside another one, asked for by `by`, and moves the head to it. */
export async function regenerate(db: Db, by: Person, input: Again): Promise<Branched> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, input.conversationId, by.id)
    if (!locked) return { kind: 'missing' }
    if (locked.role === 'viewer') return { kind: 'forbidden' }
    const found = await byIds(tx, [input.of, input.replyId])
    const source = found.find(({ row }) => row.id === input.of)
    if (source?.row.kind !== 'reply' || source.row.conversationId !== input.conversationId) return { kind: 'missing' }
    if (input.replyId === input.of) return { kind: 'taken' }
    const made = found.find(({ row }) => row.id === input.replyId)
    if (made) {
      if (made.message.kind !== 'reply' || made.row.parentId !== source.row.parentId) return { kind: 'taken' }
      return { kind: 'branched', message: made.message, reply: made.message, change: null }
    }
    if (source.row.deletedAt !== null) return { kind: 'missing' }
    const refusal = notNow(by, locked)
    if (refusal) return refusal
    const { conversationId, replyId, model } = input
    const shared = { id: replyId, conversationId, parentId: source.row.parentId, authorId: by.id, wantedModel: model ?? null }
    const stored = await insert(tx, [queued(shared, locked.row.revision + 1)])
    const change = await moveTo(tx, by, locked, stored, {})
    const [reply] = stored
    if (reply?.kind !== 'reply') throw new Error('a reply was not stored')
    return { kind: 'branched', message: reply, reply, change }
  })
}

export type Selected =
  /** `change` is null when the room shows that already, or this very operation was carried out before. */
  | { readonly kind: 'selected'; readonly conversation: Conversation; readonly change: Change | null }
  | { readonly kind: 'missing' | 'forbidden' }

/** Moves the head to the newest message under `id`, or to `id` itself. */
export async function select(
  db: Db,
  by: Person,
  input: { readonly id: string; readonly conversationId: string; readonly operation?: string | undefined },
): Promise<Selected> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, input.conversationId, by.id)
    if (!locked) return { kind: 'missing' }
    if (locked.role === 'viewer') return { kind: 'forbidden' }
    const headId = await newestUnder(tx, input)
    if (headId === null) return { kind: 'missing' }
    const again = input.operation !== undefined && !(await carryOut(tx, { id: input.operation, personId: by.id }))
    if (again || headId === locked.row.headId) return { kind: 'selected', conversation: toConversation(locked.row), change: null }
    const written = await write(tx, locked, { headId, revision: locked.row.revision + 1 })
    return { kind: 'selected', conversation: written, change: { conversation: written, messages: [], members: locked.members } }
  })
}

/** What was said last under a message, wherever on the way something was removed; null: the message is none of the room's path. */
export async function newestUnder(tx: Transaction, { id, conversationId }: { id: string; conversationId: string }): Promise<string | null> {
  const [found] = await rows(
    tx,
    sql`with recursive under as (
      select id, position, deleted_at from message
      where id = ${id}::uuid and conversation_id = ${conversationId}::uuid and kind <> 'note' and deleted_at is null
      union all
      select m.id, m.position, m.deleted_at from message m join under on m.parent_id = under.id
      where m.kind <> 'note' and m.conversation_id = ${conversationId}::uuid
    )
    select id::text as id from under where deleted_at is null order by position desc limit 1`,
  )
  return found ? String(found['id']) : null
}

/** Why the model may not be asked at this moment; null: it may. */
function notNow(by: Person, { row, open }: Locked & { readonly open: number }): Refused | null {
  if (by.kind === 'guest' && !row.guestsAsk) return { kind: 'guest' }
  return open >= LIMITS.queuedReplies ? { kind: 'busy' } : null
}

type NewRow = typeof message.$inferInsert

function queued(row: Pick<NewRow, 'id' | 'conversationId' | 'parentId' | 'authorId' | 'wantedModel'>, position: number): NewRow {
  return { ...row, kind: 'reply', text: '', state: 'queued', position, revision: position }
}

async function insert(tx: Transaction, values: NewRow[]): Promise<Message[]> {
  const stored = await tx.insert(message).values(values).returning(changedRow)
  return stored.map((row) => toMessage(row, row)).sort((one, other) => one.position - other.position)
}

/** Writes the room with a new version at its head; whoever has made it has read everything. */
async function moveTo(
  tx: Transaction,
  by: Person,
  locked: Locked,
  stored: readonly Message[],
  words: { lastName?: string; lastText?: string },
): Promise<Change> {
  const count = locked.row.count + stored.length
  const written = await write(tx, locked, {
    ...words,
    revision: locked.row.revision + stored.length,
    count,
    headId: stored.at(-1)?.id ?? null,
    updatedAt: new Date(),
  })
  await tx
    .update(member)
    .set({ read: count })
    .where(and(eq(member.conversationId, locked.row.id), eq(member.personId, by.id)))
  return { conversation: written, messages: stored, members: locked.members }
}
