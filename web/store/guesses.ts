import type { Author, Conversation, Reply } from '#contract'
import type { Delivery, OutboxEntry, Room, StoredConversation, StoredMessage } from './database.ts'
import { PENDING_POSITION } from './places.ts'
import { cleared, NOT_KEPT, shelved } from './shelves.ts'

/*
 * Rows as they will be, for what waits in the outbox. The server's rows replace them.
 */

type CallOf<Procedure> = Extract<OutboxEntry['call'], { procedure: Procedure }>['input']

export function guessedConversation(id: string, now: number): { conversation: StoredConversation; room: Room } {
  const conversation: Omit<StoredConversation, 'shelf' | 'place'> = {
    id,
    revision: 0,
    title: '',
    model: null,
    instructions: '',
    temperature: null,
    thinking: null,
    answer: 'always',
    guestsAsk: true,
    dayTokens: null,
    count: 0,
    headId: null,
    last: null,
    runningId: null,
    createdAt: now,
    updatedAt: now,
    deleted: false,
    origin: 'local',
    ...cleared(NOT_KEPT),
  }
  return { conversation: shelved(conversation), room: { id, cursor: 0, oldest: null, complete: true } }
}

/** A room with a guess over the server's row, which stays beneath it. */
export function guessOver(row: StoredConversation, guess: Partial<Conversation>): StoredConversation {
  if (row.origin === 'local') return shelved({ ...row, ...guess })
  const { origin: _, beneath, kept: __, arranged: ___, shelf: ____, place: _____, ...server } = row
  return shelved({ ...row, ...guess, beneath: beneath ?? server })
}

export function guessedMessage(
  { id, conversationId, text, kind }: CallOf<'message.send'>,
  { seq, author, createdAt, delivery }: { seq: number; author: { id: string; name: string }; createdAt: number; delivery: Delivery },
): StoredMessage {
  return {
    id,
    conversationId,
    parentId: null,
    text,
    position: PENDING_POSITION + seq,
    revision: 0,
    createdAt,
    deleted: false,
    kind,
    author,
    delivery,
  }
}

/** A reply that is to be given anew, as it will wait for its turn. */
export function guessedReply(
  { conversationId, parentId }: Pick<Reply, 'conversationId' | 'parentId'>,
  { id, seq, author, createdAt }: { id: string; seq: number; author: Author; createdAt: number },
): StoredMessage {
  return {
    id,
    conversationId,
    parentId,
    text: '',
    position: PENDING_POSITION + seq,
    revision: 0,
    createdAt,
    deleted: false,
    kind: 'reply',
    state: 'queued',
    askedBy: author,
    model: null,
    usage: null,
    thoughts: null,
    omitted: 0,
    failure: null,
    retryAt: null,
    truncated: false,
    stoppedBy: null,
    finishedAt: null,
    delivery: 'pending',
  }
}
