import type { Table } from 'dexie'
import { cut, LIMITS, newId, preview, storable } from '#contract'
import type { StoredMessage } from './database.ts'
import { guessedMessage, guessedReply, guessOver } from './guesses.ts'
import { placed } from './places.ts'
import { ask } from './requests.ts'
import { withSpace } from './space.ts'
import { type Store, store } from './store.ts'
import { enqueue } from './waiting.ts'

/*
 * Versions of what was said. The first three are commands as those of commands.ts: what they do is on the screen at once and sent when there is a
 * connection; a fork needs the server, which has what is to be copied.
 */

/** Asks a prompt of one's own in other words, beside the first ones. Returns the id of the new prompt; null: it is not there, or not one's own. */
export function editPrompt(of: string, text: string): Promise<string | null> {
  const target = store()
  const { db } = target
  return change([db.conversations, db.messages, db.outbox, db.facts], async () => {
    const source = await db.messages.get(of)
    if (source?.kind !== 'prompt' || source.deleted || source.delivery !== 'sent' || source.author.id !== target.personId) return null
    const clean = cut(storable(text), LIMITS.messageLength)
    const input = { id: newId(), of, text: clean, replyId: newId() }
    const { conversationId, parentId, author } = source
    const createdAt = Date.now()
    const seq = await enqueue(db, conversationId, { procedure: 'message.edit', input })
    const guess = guessedMessage({ ...input, conversationId, kind: 'prompt' }, { seq, author, createdAt, delivery: 'pending' })
    await db.messages.add({ ...guess, parentId, beside: of })
    const row = await db.conversations.get(conversationId)
    if (row) {
      const last = { name: author.name, text: preview(clean, LIMITS.previewLength) }
      await db.conversations.put(guessOver(row, { last, updatedAt: Math.max(createdAt, row.updatedAt) }))
    }
    return input.id
  })
}

/** Has a reply given anew, beside the first one; `model`: by another one than the room's. Asks for nothing while an earlier wish waits. */
export function regenerateReply(of: string, model: string | null = null): Promise<void> {
  const target = store()
  const { db } = target
  return change([db.messages, db.outbox, db.facts], async () => {
    const source = await db.messages.get(of)
    if (source?.kind !== 'reply' || source.deleted || source.delivery !== 'sent') return
    const { conversationId } = source
    const asked = await db.outbox
      .where('conversationId')
      .equals(conversationId)
      .filter(({ call }) => call.procedure === 'message.regenerate' && call.input.of === of)
      .count()
    if (asked > 0) return
    const fact = await db.facts.get('me')
    const author = { id: target.personId, name: fact?.key === 'me' ? fact.value.person.name : '' }
    const input = { replyId: newId(), of, ...(model === null ? {} : { model }) }
    const seq = await enqueue(db, conversationId, { procedure: 'message.regenerate', input })
    const guess = guessedReply(source, { id: input.replyId, seq, author, createdAt: Date.now() })
    await db.messages.add({ ...guess, beside: of })
  })
}

/** Shows everybody in the room a version, with what was said last under it. */
export function selectVersion(id: string): Promise<void> {
  const target = store()
  const { db } = target
  return change([db.conversations, db.messages, db.outbox], async () => {
    const source = await db.messages.get(id)
    const row = source && (await db.conversations.get(source.conversationId))
    if (!source || !row || source.deleted || source.kind === 'note' || source.delivery !== 'sent') return
    const headId = await newestUnder(target, source)
    if (headId === row.headId) return
    await db.conversations.put(guessOver(row, { headId }))
    await enqueue(db, row.id, { procedure: 'message.select', input: { id, operation: newId() } })
  })
}

/** A new room with everything up to a message; resolves with its id when it is there. Rejects with a RefusedError. */
export async function forkFrom(of: string): Promise<string> {
  const { id } = await ask('conversation.fork', { id: newId(), of })
  return id
}

/** What the server will say was said last under a message, as far as it is known here. */
async function newestUnder({ db }: Store, { id, conversationId, position }: StoredMessage): Promise<string> {
  const under = new Set([id])
  let newest = id
  // By position, so that a parent comes before what hangs on it.
  const since = await db.messages
    .where('[conversationId+position]')
    .between(...placed(conversationId, position), true, true)
    .toArray()
  for (const row of since) {
    if (row.kind === 'note' || row.parentId === null || !under.has(row.parentId)) continue
    under.add(row.id)
    if (!row.deleted) newest = row.id
  }
  return newest
}

/** One transaction, for which space is made when there is none. */
function change<T>(tables: Table[], task: () => Promise<T>): Promise<T> {
  const { db } = store()
  return withSpace(db, () => db.transaction('rw', tables, task))
}
