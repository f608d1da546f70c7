import { and, asc, desc, eq, inArray, isNull, ne, type SQL, sql } from 'drizzle-orm'
import { LIMITS, type Message, type Person, preview } from '#contract'
import { newestUnder } from './branching.ts'
import { type Change, type ConversationRow, type Locked, lockFor, type Queryable, type Transaction, write } from './conversations.ts'
import { byIds, changedRow, toMessage } from './messages.ts'
import type { Db } from './open.ts'
import { member, message, person } from './schema.ts'

/** Keeps the model from being asked for replies until a change is over; false: it is being asked for one of them. */
type Hold = (replyIds: readonly string[]) => boolean

/** The room of a prompt, reached through a membership. null: it is not there, or not the person's to see. */
export async function roomOfPrompt(db: Queryable, personId: string, id: string): Promise<string | null> {
  const [found] = await db
    .select({ conversationId: message.conversationId })
    .from(message)
    .innerJoin(member, and(eq(member.conversationId, message.conversationId), eq(member.personId, personId)))
    .where(and(eq(message.id, id), eq(message.kind, 'prompt')))
  return found?.conversationId ?? null
}

export type Withdrawn =
  /** `change` is null when it was withdrawn before. */
  | { readonly kind: 'withdrawn'; readonly message: Message; readonly change: Change | null }
  | { readonly kind: 'missing' | 'forbidden' | 'started' }

/** Leaves tombstones of a prompt of `by` that still waits and of its reply, and nothing of its text. `speaker` is the model's name. */
export async function withdraw(
  db: Db,
  by: Person,
  prompt: { id: string; conversationId: string },
  { hold, speaker }: { hold: Hold; speaker: string },
): Promise<Withdrawn> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, prompt.conversationId, by.id)
    const [found] = locked ? await byIds(tx, [prompt.id]) : []
    if (!locked || !found) return { kind: 'missing' }
    if (found.row.authorId !== by.id) return { kind: 'forbidden' }
    if (found.row.deletedAt !== null) return { kind: 'withdrawn', message: found.message, change: null }
    const replies = await repliesTo(tx, prompt.conversationId, [prompt.id])
    if (!waits(replies, prompt.id) || !hold(replies.map(({ id }) => id))) return { kind: 'started' }
    let { revision } = locked.row
    const messages: Message[] = []
    const bury = async (id: string, values: Partial<typeof message.$inferInsert>) => {
      const [row] = await tx
        .update(message)
        .set({ ...values, text: '', deletedAt: new Date(), revision: ++revision })
        .where(eq(message.id, id))
        .returning(changedRow)
      if (row) messages.push(toMessage(row, row))
    }
    await bury(prompt.id, {})
    for (const { id } of replies) await bury(id, { state: 'stopped', stoppedById: by.id, retryAt: null, finishedAt: new Date() })
    const gone = [prompt.id, ...replies.map(({ id }) => id)]
    const written = await write(tx, locked, {
      revision,
      ...(gone.includes(locked.row.headId ?? '') ? { headId: await headWithout(tx, found.row) } : {}),
      ...(await words(tx, locked.row, [found.row.text], speaker)),
    })
    const [tombstone] = messages
    if (!tombstone) throw new Error('a locked prompt vanished')
    return { kind: 'withdrawn', message: tombstone, change: { conversation: written, messages, members: locked.members } }
  })
}

export type Reordered =
  /** `change` is null when nothing was left to change. */
  { readonly kind: 'reordered'; readonly change: Change | null } | { readonly kind: 'missing' | 'forbidden' | 'started' }

/**
 * Lets the texts of waiting prompts of `by` change places: `ids` says in which order. Only while the newest of their rows is of `seenRevision`;
 * a repetition finds a newer one and changes nothing.
 */
export async function reorder(
  db: Db,
  by: Person,
  input: { conversationId: string; ids: readonly string[]; revision: number },
  { hold, speaker }: { hold: Hold; speaker: string },
): Promise<Reordered> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, input.conversationId, by.id)
    const found = locked ? (await byIds(tx, input.ids)).map(({ row }) => row) : []
    const prompts = found.filter(({ conversationId, kind }) => conversationId === input.conversationId && kind === 'prompt')
    if (!locked || prompts.length < input.ids.length) return { kind: 'missing' }
    // Whoever may only read now may take back what they have asked, but not say it elsewhere.
    if (locked.role === 'viewer' || prompts.some(({ authorId }) => authorId !== by.id)) return { kind: 'forbidden' }
    if (Math.max(...prompts.map((row) => row.revision)) !== input.revision) return { kind: 'reordered', change: null }
    const replies = await repliesTo(tx, input.conversationId, input.ids)
    const waiting = prompts.every(({ id, deletedAt }) => deletedAt === null && waits(replies, id))
    if (!waiting || !hold(replies.map(({ id }) => id))) return { kind: 'started' }
    const places = prompts.toSorted((one, other) => one.position - other.position)
    const texts = new Map(prompts.map(({ id, text }) => [id, text]))
    let { revision } = locked.row
    const messages: Message[] = []
    for (const [index, place] of places.entries()) {
      const text = texts.get(input.ids[index] ?? '') ?? place.text
      if (text === place.text) continue
      const [row] = await tx.update(message).set({ text, revision: ++revision }).where(eq(message.id, place.id)).returning(changedRow)
      if (row) messages.push(toMessage(row, row))
    }
    if (messages.length === 0) return { kind: 'reordered', change: null }
    const written = await write(tx, locked, { revision, ...(await words(tx, locked.row, [...texts.values()], speaker)) })
    return { kind: 'reordered', change: { conversation: written, messages, members: locked.members } }
  })
}

type ReplyRow = Pick<typeof message.$inferSelect, 'id' | 'parentId' | 'state' | 'text'>

function repliesTo(db: Queryable, conversationId: string, ids: readonly string[]): Promise<ReplyRow[]> {
  return db
    .select({ id: message.id, parentId: message.parentId, state: message.state, text: message.text })
    .from(message)
    .where(and(eq(message.conversationId, conversationId), inArray(message.parentId, [...ids]), eq(message.kind, 'reply')))
}

/** Whether nothing has been answered to a prompt yet, and something will be. */
function waits(replies: readonly ReplyRow[], promptId: string): boolean {
  const own = replies.filter(({ parentId }) => parentId === promptId)
  return own.length > 0 && own.every(({ state, text }) => state === 'queued' && text === '')
}

/** Where the head goes when it is no more: to what was said last under the nearest message before it that still is one. */
async function headWithout(
  tx: Transaction,
  { conversationId, parentId }: Pick<typeof message.$inferSelect, 'conversationId' | 'parentId'>,
): Promise<string | null> {
  const before = await living(tx, parentId)
  if (before !== null) return newestUnder(tx, { id: before, conversationId })
  const [newest] = await tx
    .select({ id: message.id })
    .from(message)
    .where(and(eq(message.conversationId, conversationId), ne(message.kind, 'note'), isNull(message.deletedAt)))
    .orderBy(desc(message.position))
    .limit(1)
  return newest?.id ?? null
}

/** The nearest message that still is one, from this one towards the root. */
async function living(tx: Transaction, fromId: string | null): Promise<string | null> {
  for (let id = fromId; id !== null;) {
    const [row] = await tx.select({ parentId: message.parentId, deletedAt: message.deletedAt }).from(message).where(eq(message.id, id))
    if (!row || row.deletedAt === null) return id
    id = row.parentId
  }
  return null
}

/** The room's title and last line, where they are of texts that are no longer where they were. */
async function words(tx: Transaction, room: ConversationRow, texts: readonly string[], speaker: string): Promise<Partial<Locked['row']>> {
  const says = (words: string | null, length: number) => texts.some((text) => words === preview(text, length))
  const first = says(room.title, LIMITS.firstTitleLength) ? await line(tx, room.id, asc(message.position)) : null
  const last = says(room.lastText, LIMITS.previewLength) ? await line(tx, room.id, desc(message.position)) : null
  return {
    ...(first ? { title: preview(first.text, LIMITS.firstTitleLength) } : {}),
    ...(last?.text === '' ? { lastName: null, lastText: null } : {}),
    ...(last && last.text !== '' ? { lastName: last.author ?? speaker, lastText: preview(last.text, LIMITS.previewLength) } : {}),
  }
}

/** A room's first message by order that says anything. The author of a reply is the model: null. */
async function line(tx: Transaction, conversationId: string, order: SQL): Promise<{ text: string; author: string | null }> {
  const [found] = await tx
    .select({ text: message.text, author: sql<string | null>`case when ${message.kind} = 'reply' then null else ${person.name} end` })
    .from(message)
    .leftJoin(person, eq(person.id, message.authorId))
    .where(and(eq(message.conversationId, conversationId), isNull(message.deletedAt), ne(message.text, '')))
    .orderBy(order)
    .limit(1)
  return found ?? { text: '', author: null }
}
