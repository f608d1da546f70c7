import type { Transaction } from 'dexie'
import type { Fact, OutboxEntry, Room, StoredConversation, StoredMessage } from './database.ts'
import { guessedConversation, guessedMessage, guessedReply } from './guesses.ts'
import { arrangedBy, shelved } from './shelves.ts'

/**
 * Runs when an older store is opened. What the server has is dropped, to be asked for anew; what only this device has (`outbox`, `drafts`)
 * stays, and the rows that show it are made again from it, in the form that they have now.
 */
export async function rebuild(transaction: Transaction, personId: string): Promise<void> {
  const conversations = transaction.table<StoredConversation, string>('conversations')
  const messages = transaction.table<StoredMessage, string>('messages')
  const rooms = transaction.table<Room, string>('rooms')
  const facts = transaction.table<Fact, Fact['key']>('facts')
  const others = ['memberships', 'people'].map((name) => transaction.table(name).clear())
  await Promise.all([conversations.clear(), messages.clear(), rooms.clear(), facts.delete('list'), facts.delete('trimmed'), ...others])

  const me = await facts.get('me')
  const author = { id: personId, name: me?.key === 'me' ? me.value.person.name : '' }
  for (const entry of await transaction.table<OutboxEntry & { seq: number }, number>('outbox').toArray()) {
    const { call, seq, createdAt, conversationId } = entry
    switch (call.procedure) {
      case 'conversation.create': {
        const guess = guessedConversation(conversationId, createdAt)
        const { id: _, ...fields } = call.input
        await conversations.put({ ...guess.conversation, ...fields })
        await rooms.put(guess.room)
        break
      }
      case 'conversation.update': {
        const { id, operation: _, ...fields } = call.input
        await conversations.update(id, fields)
        break
      }
      case 'conversation.arrange': {
        const row = await conversations.get(conversationId)
        if (row) await conversations.put(arrangedBy(row, { ...row.kept, ...row.arranged }, [entry]))
        break
      }
      case 'conversation.remove': {
        const row = await conversations.get(conversationId)
        if (row) await conversations.put(shelved({ ...row, deleted: true }))
        break
      }
      case 'message.send':
        await messages.put(
          guessedMessage(call.input, { seq, author, createdAt, delivery: entry.state === 'failed' ? 'failed' : 'pending' }),
        )
        break
      // Beside what they will stand is not known here any more: until the server has said so, they wait at the end.
      case 'message.edit': {
        const delivery = entry.state === 'failed' ? 'failed' : 'pending'
        await messages.put(guessedMessage({ ...call.input, conversationId, kind: 'prompt' }, { seq, author, createdAt, delivery }))
        break
      }
      case 'message.regenerate':
        await messages.put(guessedReply({ conversationId, parentId: null }, { id: call.input.replyId, seq, author, createdAt }))
        break
      case 'message.select':
      case 'message.withdraw':
      case 'reply.stop':
      case 'reply.resume':
        break
    }
  }
}
