import { type Conversation, isOpen, LIMITS, type Message, preview } from '#contract'
import type { OutboxEntry, StoredConversation, StoredMessage } from './database.ts'
import { arrangedBy, type Kept, NOT_KEPT } from './shelves.ts'

/** The newest of every row, whatever the order and number in which they came. */
export function newest<T extends { id: string; revision: number }>(rows: Iterable<T>): Map<string, T> {
  const found = new Map<string, T>()
  for (const row of rows) {
    const other = found.get(row.id)
    if (!other || other.revision < row.revision) found.set(row.id, row)
  }
  return found
}

/** What to store when a row arrives; null: what is stored stays. */
export function mergeMessage(stored: StoredMessage | undefined, row: Message): StoredMessage | null {
  const sent: StoredMessage = { ...row, delivery: 'sent' }
  if (!stored) return sent
  // Somebody else's message under the same id, in another room: what was written here is not lost for it, and the server will say that it is taken.
  if (stored.delivery !== 'sent') return row.conversationId === stored.conversationId ? sent : null
  if (row.revision <= stored.revision) return null
  // The server writes the text of a reply once, at its end. What this device has kept of the stream meanwhile is ahead of the row.
  const bothOpen = row.kind === 'reply' && stored.kind === 'reply' && isOpen(row.state) && isOpen(stored.state)
  return bothOpen && stored.text.startsWith(row.text) ? { ...sent, text: stored.text } : sent
}

/**
 * What to store when the row of a room arrives: the server's fields, and over them what this person has asked for and the server has not
 * answered yet (`waiting`), so that a rename does not flicker while other news come in. null: what is stored is as new.
 */
export function mergeConversation(
  stored: StoredConversation | undefined,
  row: Conversation,
  waiting: readonly OutboxEntry[],
  personName: string,
  kept: Kept = stored?.kept ?? NOT_KEPT,
): StoredConversation | null {
  if (stored && stored.origin === 'server' && row.revision <= stored.revision) return null
  const merged: Conversation & Pick<StoredConversation, 'origin' | 'beneath'> = { ...row, origin: 'server' }
  if (waiting.length > 0) merged.beneath = row
  for (const { call, createdAt } of waiting) {
    switch (call.procedure) {
      case 'conversation.update': {
        const { id: _, operation: __, ...fields } = call.input
        Object.assign(merged, fields)
        break
      }
      case 'conversation.remove':
        merged.deleted = true
        break
      case 'message.send':
        merged.last = { name: personName, text: preview(call.input.text, LIMITS.previewLength) }
        // A note names no room: its words are for those who are in it.
        if (call.input.kind === 'prompt') merged.title ||= preview(call.input.text, TITLE_FROM_PROMPT)
        merged.updatedAt = Math.max(merged.updatedAt, createdAt)
        break
      case 'message.edit':
        merged.last = { name: personName, text: preview(call.input.text, LIMITS.previewLength) }
        merged.updatedAt = Math.max(merged.updatedAt, createdAt)
        break
      case 'message.select':
        merged.headId = stored?.headId ?? row.headId
        break
      case 'conversation.arrange':
      case 'message.regenerate':
      case 'conversation.create':
      case 'message.withdraw':
      case 'reply.stop':
      case 'reply.resume':
        break
    }
  }
  return arrangedBy(merged, kept, waiting)
}

/** The server makes the title of a room from its first prompt the same way. */
export const TITLE_FROM_PROMPT = 60

/** How far a cursor gets when the changes in `seen` are stored, too. What is reached is taken out of `seen`. */
export function advance(cursor: number, seen: Set<number>): number {
  let reached = cursor
  while (seen.has(reached + 1)) reached++
  for (const revision of seen) if (revision <= reached) seen.delete(revision)
  return reached
}
