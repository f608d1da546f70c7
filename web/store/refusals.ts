import type { SendFailure } from '../lib/sentences.ts'
import type { Change } from './apply.ts'
import type { Database, OutboxEntry } from './database.ts'
import { changeDraft } from './drafts.ts'
import { dropUnsent, forget } from './rows.ts'
import { shelved } from './shelves.ts'

/** Takes an answered call out of the outbox, or marks what was refused; inside of the caller's transaction. Returns the rooms that it was of. */
export async function settleOutbox(db: Database, change: Change): Promise<string[]> {
  switch (change.kind) {
    case 'answered': {
      const entry = await db.outbox.get(change.seq)
      await db.outbox.delete(change.seq)
      if (entry?.call.procedure === 'conversation.remove') await dropUnsent(db, entry.conversationId, change.seq)
      return entry ? [entry.conversationId] : []
    }
    case 'refused': {
      const entry = await db.outbox.get(change.seq)
      if (!entry) return []
      await refuse(db, entry, change.failure)
      return [entry.conversationId]
    }
    case 'messages':
    case 'conversation':
    case 'gone':
    case 'me':
    case 'defaults':
    case 'membership':
    case 'arrangement':
    case 'people':
    case 'list':
    case 'page':
    case 'history':
    case 'rewound':
    case 'texts':
      return []
  }
}

/** A call that can never succeed. What it would have done is taken back, except a message: that waits for its author's decision. */
async function refuse(db: Database, entry: OutboxEntry, failure: SendFailure): Promise<void> {
  const { conversationId, call } = entry
  const failed = { ...entry, state: 'failed' as const, failure }
  switch (call.procedure) {
    case 'message.send':
    case 'message.edit':
      await db.outbox.put(failed)
      await db.messages
        .where('id')
        .equals(call.input.id)
        .modify((message) => void (message.delivery = 'failed'))
      break
    case 'conversation.create': {
      await db.outbox.put(failed)
      const later = await db.outbox
        .where('conversationId')
        .equals(conversationId)
        .filter(({ state }) => state === 'waiting')
        .toArray()
      const removal = later.find((other) => other.call.procedure === 'conversation.remove')
      if (removal?.seq !== undefined) {
        await dropUnsent(db, conversationId, removal.seq)
        return forget(db, conversationId)
      }
      for (const other of later) await refuse(db, other, failure)
      return
    }
    case 'message.withdraw':
      if (entry.seq !== undefined) await db.outbox.delete(entry.seq)
      await takeFromDraft(db, call.input.id)
      break
    case 'message.regenerate':
      await db.messages.delete(call.input.replyId)
      if (entry.seq !== undefined) await db.outbox.delete(entry.seq)
      break
    case 'message.select':
    case 'conversation.arrange':
    case 'conversation.update':
    case 'conversation.remove':
    case 'reply.stop':
    case 'reply.resume':
      if (entry.seq !== undefined) await db.outbox.delete(entry.seq)
      break
  }
  if (call.procedure !== 'conversation.remove') return
  // Somebody else has removed it.
  if (failure.code === 'not_found' && entry.seq !== undefined) await dropUnsent(db, conversationId, entry.seq)
  await db.conversations
    .where('id')
    .equals(conversationId)
    .modify((row) => void Object.assign(row, shelved({ ...row, deleted: false })))
}

/** The text of a prompt that is still there goes out of the draft that it was put before, unless somebody has written on. */
async function takeFromDraft(db: Database, promptId: string): Promise<void> {
  const prompt = await db.messages.get(promptId)
  if (!prompt || prompt.deleted) return
  if ((await db.drafts.get(prompt.conversationId))?.by) return
  await changeDraft(db, prompt.conversationId, (draft) => {
    if (draft === prompt.text) return ''
    return draft.startsWith(`${prompt.text}\n\n`) ? draft.slice(prompt.text.length + 2) : draft
  })
}

/** By the id of the message or reply that a call is about, why the server has refused it; null: it has not. */
export function failures(entries: readonly OutboxEntry[]): ReadonlyMap<string, SendFailure | null> {
  return new Map(entries.map(({ call: { input }, failure }) => ['id' in input ? input.id : input.replyId, failure] as const))
}
