import { type Arrangement, type Conversation, type Defaults, isOpen, type Member, type Membership, type Message } from '#contract'
import type { SendFailure } from '../lib/sentences.ts'
import type { Database, Me } from './database.ts'
import { putDefaults } from './me.ts'
import { advance } from './merge.ts'
import { putHistory, putPage } from './pages.ts'
import { forgetPeopleOfNowhere, putMemberships, putPeople } from './people.ts'
import { settleOutbox } from './refusals.ts'
import { forget, putArrangements, putConversations, putMessages, revive, rewind, uncover } from './rows.ts'

type List = {
  conversations: readonly Conversation[]
  memberships: readonly Membership[]
  arrangements: readonly Arrangement[]
  cursor: string
  complete: boolean
}

/** What comes from the server, or is decided because of it. Everything may come twice, late and in any order. */
export type Change =
  | { kind: 'messages'; rows: readonly Message[] }
  | { kind: 'conversation'; row: Conversation }
  | { kind: 'gone'; conversationId: string }
  | { kind: 'me'; me: Me }
  | { kind: 'defaults'; defaults: Defaults }
  | { kind: 'membership'; row: Membership }
  | { kind: 'arrangement'; row: Arrangement }
  | { kind: 'people'; conversationId: string; people: readonly Member[] }
  /**
   * `known`: the rooms that the server had confirmed when it was asked; of a complete answer, those that it leaves out are gone.
   * `since`: the cursor that was stored when it was asked.
   */
  | { kind: 'list'; known: readonly string[]; since: string | null; answer: List }
  /** An answer of join or pull to a question with `since`. */
  | { kind: 'page'; since: number; answer: { conversation: Conversation; messages: readonly Message[]; revision: number; more: boolean } }
  | { kind: 'history'; conversationId: string; answer: { messages: readonly Message[]; more: boolean } }
  /** The server knows less of a room than this store: it was restored from a backup. */
  | { kind: 'rewound'; conversationId: string }
  | { kind: 'texts'; texts: readonly { id: string; text: string }[] }
  | { kind: 'answered'; seq: number }
  | { kind: 'refused'; seq: number; failure: SendFailure }

/** Of each room, the revisions above its cursor whose rows this tab has stored. */
export type Ahead = Map<string, Set<number>>

/**
 * Writes changes in one transaction. A row is stored only if it is newer than what is there, and a cursor moves only over changes
 * that are stored, so the outcome does not depend on order or repetition. Returns the cursors of the rooms that were touched.
 */
export async function apply(db: Database, changes: readonly Change[], ahead: Ahead): Promise<Map<string, number>> {
  const seen = new Map<string, Set<number>>()
  for (const change of changes) {
    if (change.kind !== 'messages') continue
    for (const { conversationId, revision } of change.rows) {
      const revisions = seen.get(conversationId) ?? new Set(ahead.get(conversationId))
      seen.set(conversationId, revisions.add(revision))
    }
  }
  const tables = [db.conversations, db.messages, db.rooms, db.outbox, db.drafts, db.facts, db.memberships, db.people]
  const cursors = await db.transaction('rw', tables, async () => {
    for (const change of changes) {
      if (change.kind === 'rewound') await rewind(db, change.conversationId)
      if (change.kind === 'list' && change.answer.complete) await revive(db, change.since, change.answer.conversations)
    }
    const answered = await putMessages(db, changes.flatMap(messagesOf))
    for (const change of changes) answered.push(...(await settleOutbox(db, change)))
    await uncover(db, answered)
    await putConversations(db, changes.flatMap(conversationsOf))
    const reached = new Map<string, number>()
    for (const change of changes) await putRest(db, change, reached)
    for (const [conversationId, revisions] of seen) {
      const room = await db.rooms.get(conversationId)
      if (!room) continue
      const cursor = advance(room.cursor, revisions)
      if (cursor !== room.cursor) await db.rooms.put({ ...room, cursor })
      reached.set(conversationId, cursor)
    }
    return reached
  })
  for (const [conversationId, revisions] of seen) ahead.set(conversationId, revisions)
  return cursors
}

function messagesOf(change: Change): readonly Message[] {
  if (change.kind === 'messages') return change.rows
  return change.kind === 'page' || change.kind === 'history' ? change.answer.messages : []
}

function conversationsOf(change: Change): readonly Conversation[] {
  if (change.kind === 'conversation') return [change.row]
  if (change.kind === 'page') return [change.answer.conversation]
  return change.kind === 'list' ? change.answer.conversations : []
}

async function putRest(db: Database, change: Change, reached: Map<string, number>): Promise<void> {
  switch (change.kind) {
    case 'me':
      await db.facts.put({ key: 'me', value: change.me })
      return
    case 'defaults':
      return putDefaults(db, change.defaults)
    case 'list': {
      await db.facts.put({ key: 'list', value: change.answer.cursor })
      await putMemberships(db, change.answer.memberships)
      await putArrangements(db, change.answer.arrangements, change.answer.complete)
      if (change.answer.complete) {
        const there = new Set(change.answer.conversations.map(({ id }) => id))
        for (const id of change.known) if (!there.has(id)) await forget(db, id)
      }
      return forgetPeopleOfNowhere(db)
    }
    case 'membership':
      return putMemberships(db, [change.row])
    case 'arrangement':
      return putArrangements(db, [change.row])
    case 'people':
      return putPeople(db, change.conversationId, change.people)
    case 'page':
      return putPage(db, change.since, change.answer, reached)
    case 'history':
      return putHistory(db, change)
    case 'texts':
      for (const { id, text } of change.texts) {
        const row = await db.messages.get(id)
        if (row?.kind === 'reply' && isOpen(row.state) && text.length > row.text.length) await db.messages.put({ ...row, text })
      }
      return
    case 'gone':
      return forget(db, change.conversationId)
    case 'messages':
    case 'conversation':
    case 'rewound':
    case 'answered':
    case 'refused':
      return
  }
}
