import { type Author, LIMITS, type Message, preview, type Reply } from '#contract'
import { type Change, lockFor, type Transaction, write } from './conversations.ts'
import { byIds, toMessage, toReply } from './messages.ts'
import type { Db } from './open.ts'
import { message } from './schema.ts'

export type Sending = { id: string; conversationId: string; text: string; kind: 'prompt' | 'note'; replyId: string }

export type Sent =
  /** `change` is null when the message was stored by an earlier call with the same id. */
  | { readonly kind: 'sent'; readonly message: Message; readonly reply: Reply | null; readonly change: Change | null }
  | { readonly kind: 'missing' | 'forbidden' | 'taken' | 'busy' }

const TITLE_FROM_PROMPT = 60

/**
 * Stores a prompt and its queued reply, or a note, in one transaction. The same id again returns what was stored.
 * The parent is the head at this moment; a note hangs beside the path and does not move the head.
 */
export async function send(db: Db, by: Author, input: Sending): Promise<Sent> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, input.conversationId, by.id, [input.id, input.replyId])
    if (!locked) return { kind: 'missing' }
    if (locked.role === 'viewer') return { kind: 'forbidden' }
    if (locked.known > 0) return sentBefore(tx, by, input)

    const { row, members } = locked
    const asks = input.kind === 'prompt' && (row.answer === 'always' || /@gemini\b/i.test(input.text))
    if (asks && locked.open >= LIMITS.queuedReplies) return { kind: 'busy' }

    const position = row.revision + 1
    const mine = { conversationId: row.id, text: input.text, kind: input.kind, authorId: by.id, parentId: row.headId }
    const prompt = { ...mine, id: input.id, position, revision: position }
    const reply = {
      conversationId: row.id,
      id: input.replyId,
      parentId: input.id,
      kind: 'reply' as const,
      text: '',
      state: 'queued' as const,
      position: position + 1,
      revision: position + 1,
    }
    // Sent together: this is one round trip less on the way to the first word of the answer.
    const [[stored, queued], conversation] = await Promise.all([
      tx
        .insert(message)
        .values(asks ? [prompt, reply] : [prompt])
        .returning(),
      write(tx, locked, {
        revision: asks ? reply.revision : position,
        headId: input.kind === 'note' ? row.headId : asks ? reply.id : input.id,
        title: row.title === '' ? preview(input.text, TITLE_FROM_PROMPT) : row.title,
        lastName: by.name,
        lastText: preview(input.text, LIMITS.previewLength),
        updatedAt: new Date(),
      }),
    ])
    if (!stored) throw new Error('the insert returned no row')
    const sent = toMessage(stored, { author: by.name, stopper: null })
    const answer = queued ? toReply(queued, null) : null
    return { kind: 'sent', message: sent, reply: answer, change: { conversation, messages: answer ? [sent, answer] : [sent], members } }
  })
}

async function sentBefore(tx: Transaction, by: Author, input: Sending): Promise<Sent> {
  const found = await byIds(tx, [input.id, input.replyId])
  const mine = found.find(({ row }) => row.id === input.id)
  if (!mine || mine.row.authorId !== by.id || mine.row.conversationId !== input.conversationId) return { kind: 'taken' }
  const answer = found.find(({ row }) => row.id === input.replyId)?.message
  return { kind: 'sent', message: mine.message, reply: answer?.kind === 'reply' ? answer : null, change: null }
}
