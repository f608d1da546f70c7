import type { Table } from 'dexie'
import { type Conversation, cut, LIMITS, label, newId, type PersonMessage, preview, storable } from '#contract'
import type { OutboxCall } from './database.ts'
import { changeDraft, keepNewest } from './drafts.ts'
import { guessedConversation, guessedMessage, guessOver } from './guesses.ts'
import { readDefaults } from './me.ts'
import { TITLE_FROM_PROMPT } from './merge.ts'
import { isAlone } from './people.ts'
import { PENDING_POSITION } from './places.ts'
import { withSpace } from './space.ts'
import { uncover } from './rows.ts'
import { store } from './store.ts'
import { enqueue } from './waiting.ts'

export { leave } from './requests.ts'

/*
 * Each command is one transaction: the rows as they will be, and the call that waits for the network. When it has resolved, the
 * screen is right whatever the network does.
 */

/** Among so many of the newest rooms an empty one is looked for. */
const NEWEST = 100

/** The id of a room of one's own that nobody has said anything in and nobody else is in; makes one if there is none. */
export function newConversation(): Promise<string> {
  const target = store()
  const { db } = target
  return change([db.conversations, db.rooms, db.outbox, db.memberships, db.people, db.facts], async () => {
    const { model, instructions } = await readDefaults(db)
    const newest = await db.conversations.orderBy('updatedAt').reverse().limit(NEWEST).toArray()
    const empty = newest.filter(
      (row) => !row.deleted && !row.arranged.archived && row.headId === null && row.last === null && row.title === '',
    )
    // One that was prepared otherwise is not what is asked for now.
    const alike = empty.filter((row) => row.model === model && row.instructions === instructions)
    for (const row of alike) if (row.origin === 'local' || (await isAlone(target, row.id))) return row.id
    const id = newId()
    const fields = { ...(model === null ? {} : { model }), ...(instructions === '' ? {} : { instructions }) }
    const guess = guessedConversation(id, Date.now())
    await db.conversations.add({ ...guess.conversation, ...fields })
    await db.rooms.add(guess.room)
    await enqueue(db, id, { procedure: 'conversation.create', input: { id, ...fields } })
    return id
  })
}

export function renameConversation(id: string, title: string): Promise<void> {
  return updateConversation(id, { title: label(title, LIMITS.titleLength) })
}

/** Sets the title or a rule of a room; asks for nothing where all is so already. */
export async function updateConversation(
  id: string,
  fields: Partial<
    Pick<Conversation, 'title' | 'answer' | 'guestsAsk' | 'dayTokens' | 'model' | 'instructions' | 'temperature' | 'thinking'>
  >,
): Promise<void> {
  const { db } = store()
  await change([db.conversations, db.outbox], async () => {
    const row = await db.conversations.get(id)
    if (!row || row.deleted || isSo(row, fields)) return
    await db.conversations.put(guessOver(row, fields))
    await enqueue(db, id, { procedure: 'conversation.update', input: { id, operation: newId(), ...fields } })
  })
}

const isSo = (row: Conversation, fields: Partial<Conversation>): boolean =>
  Object.entries(fields).every(([name, value]) => row[name as keyof Conversation] === value)

/**
 * Writes a prompt into a room, or a note, and clears the draft that it was, unless that was written on since; null: it was none. Returns the
 * message's id.
 */
export function sendPrompt(
  conversationId: string,
  text: string,
  kind: PersonMessage['kind'] = 'prompt',
  draft: { by: string; at: number } | null = { by: '', at: Date.now() },
): Promise<string> {
  const target = store()
  const { db } = target
  const id = newId()
  const clean = cut(storable(text), LIMITS.messageLength)
  return change([db.conversations, db.messages, db.outbox, db.drafts, db.facts], async () => {
    const fact = await db.facts.get('me')
    const author = { id: target.personId, name: fact?.key === 'me' ? fact.value.person.name : '' }
    const row = await db.conversations.get(conversationId)
    const createdAt = Date.now()
    const input = { id, conversationId, text: clean, kind, replyId: newId() }
    const seq = await enqueue(db, conversationId, { procedure: 'message.send', input })
    await db.messages.add(guessedMessage(input, { seq, author, createdAt, delivery: 'pending' }))
    if (draft) await keepNewest(db, { conversationId, text: '', ...draft })
    if (row) {
      const guess = {
        title: row.title === '' ? preview(clean, TITLE_FROM_PROMPT) : row.title,
        last: { name: author.name, text: preview(clean, LIMITS.previewLength) },
        updatedAt: Math.max(createdAt, row.updatedAt),
      }
      await db.conversations.put(guessOver(row, guess))
    }
    return id
  })
}

/** Sends again what was refused. */
export async function retrySend(messageId: string): Promise<void> {
  const { db } = store()
  await change([db.messages, db.outbox], async () => {
    const message = await db.messages.get(messageId)
    if (message?.delivery !== 'failed') return
    await db.messages.put({ ...message, delivery: 'pending' })
    // With the message goes whatever made its room fail.
    await db.outbox
      .where('conversationId')
      .equals(message.conversationId)
      .filter((entry) => entry.call.procedure === 'conversation.create' || entry.seq === message.position - PENDING_POSITION)
      .modify({ state: 'waiting', failure: null })
  })
}

/**
 * Gives up a refused message, or takes back one that waits; one that has gone all the same, and whose answer was lost, is told by the server then.
 * Its text goes back to the composer: that of a refused one when there is none.
 */
export async function discardSend(messageId: string): Promise<void> {
  const { db } = store()
  await change([db.messages, db.outbox, db.drafts, db.conversations, db.facts], async () => {
    const message = await db.messages.get(messageId)
    if (!message || message.delivery === 'sent') return
    const { conversationId, delivery, text } = message
    await db.outbox.delete(message.position - PENDING_POSITION)
    await db.messages.delete(messageId)
    await uncover(db, [conversationId])
    await changeDraft(db, conversationId, (draft) => (draft === '' ? text : delivery === 'failed' ? draft : `${text}\n\n${draft}`))
  })
}

export function stopReply(replyId: string): Promise<void> {
  return askOfReply(replyId, () => ({ procedure: 'reply.stop', input: { id: replyId, operation: newId() } }))
}

/** Lets a reply go on that was stopped, interrupted, cut short or failed. */
export function resumeReply(replyId: string): Promise<void> {
  return askOfReply(replyId, (revision) => ({ procedure: 'reply.resume', input: { id: replyId, revision } }))
}

async function askOfReply(replyId: string, call: (revision: number) => OutboxCall): Promise<void> {
  const { db } = store()
  await change([db.messages, db.outbox], async () => {
    const reply = await db.messages.get(replyId)
    if (!reply) return
    const wanted = call(reply.revision)
    const asked = await db.outbox
      .where('conversationId')
      .equals(reply.conversationId)
      .filter(({ call: { procedure, input } }) => procedure === wanted.procedure && 'id' in input && input.id === replyId)
      .count()
    if (asked === 0) await enqueue(db, reply.conversationId, wanted)
  })
}

/** One transaction, for which space is made when there is none. */
function change<T>(tables: Table[], task: () => Promise<T>): Promise<T> {
  const { db } = store()
  return withSpace(db, () => db.transaction('rw', tables, task))
}
