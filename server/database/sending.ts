import { type SQL, sql } from 'drizzle-orm'
import {
  addressesModel,
  type AnswerRule,
  type Conversation,
  LIMITS,
  type Message,
  type Person,
  type PersonMessage,
  preview,
  type Reply,
} from '#contract'
import { type Change, lockFor } from './conversations.ts'
import { byIds } from './messages.ts'
import { type Db, rows } from './open.ts'
import { sqlState, UNIQUE_VIOLATION } from './sql-state.ts'

export type Sending = { id: string; conversationId: string; text: string; kind: PersonMessage['kind']; replyId: string }

export type Sent =
  /** `change` is null when the message was stored by an earlier call with the same id. */
  | { readonly kind: 'sent'; readonly message: Message; readonly reply: Reply | null; readonly change: Change | null }
  | { readonly kind: 'missing' | 'forbidden' | 'guest' | 'taken' | 'busy' }

/** Two of the same call may meet once; whoever comes second finds what the first has stored. */
const TRIES = 3

/**
 * Stores a prompt and its queued reply, or a note, all or nothing. The same id again returns what was stored.
 * The parent is the head at this moment; a note hangs beside the path and does not move the head.
 */
export async function send(db: Db, by: Person, input: Sending): Promise<Sent> {
  for (let tries = 1; ; tries++) {
    try {
      const [stored] = await rows(db, store(by, input))
      if (stored) return sent(by, input, stored as Stored)
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error
    }
    const known = await whyNot(db, by, input)
    if (known) return known
    if (tries === TRIES) throw new Error('a message could be neither stored nor found')
  }
}

/** What the statement returns: the room's new row, and beside it what is not of that row. Times are milliseconds since 1970. */
type Stored = Omit<Conversation, 'last' | 'deleted'> & {
  readonly members: string
  readonly asks: boolean
  readonly parentId: string | null
}

/**
 * One statement, so one round trip, where a transaction step by step takes five: the way to the first word of an answer leads through here, and
 * a database in the cloud is milliseconds away. No row: it was not allowed, or there already.
 * `room` locks the row and, where it had to wait, has its newest values; the two counts are then from before the wait, which is why an id that was
 * taken meanwhile is found as a unique violation.
 */
function store(by: Person, input: Sending): SQL {
  return sql`
    with room as (
      select c.*, m.role,
        (select string_agg(person_id::text, ',') from member where member.conversation_id = c.id) as members,
        (select count(*) from message where message.conversation_id = c.id and message.state in ('queued', 'streaming')) as open,
        (select count(*) from message where message.id in (${input.id}::uuid, ${input.replyId}::uuid)) as known
      from member m join conversation c on c.id = m.conversation_id
      where m.person_id = ${by.id}::uuid and c.id = ${input.conversationId}::uuid and c.deleted_at is null
      for update of c
    ), asked as (
      select *, ${input.kind}::text = 'prompt' and (answer = 'always' or ${asks(input, 'mention')}::boolean) as asks from room
    ), allowed as (
      select * from asked
      where role <> 'viewer' and known = 0 and (not asks or (open < ${LIMITS.queuedReplies}::int and (guests_ask or ${by.kind !== 'guest'}::boolean)))
    ), stored as (
      insert into message (id, conversation_id, parent_id, kind, author_id, text, state, position, revision)
      select ${input.id}::uuid, id, head_id, ${input.kind}::text, ${by.id}::uuid, ${input.text}::text, null, revision + 1, revision + 1
      from allowed
      union all
      select ${input.replyId}::uuid, id, ${input.id}::uuid, 'reply', ${by.id}::uuid, '', 'queued', revision + 2, revision + 2
      from allowed where asks
    ), written as (
      update conversation c set
        revision = allowed.revision + case when allowed.asks then 2 else 1 end,
        count = allowed.count + case when allowed.asks then 2 else 1 end,
        head_id = case
          when allowed.asks then ${input.replyId}::uuid when ${input.kind}::text = 'note' then allowed.head_id else ${input.id}::uuid
        end,
        title = case when allowed.title = '' and ${input.kind}::text <> 'note' then ${preview(input.text, LIMITS.firstTitleLength)}::text else allowed.title end,
        last_name = ${by.name}::text,
        last_text = ${preview(input.text, LIMITS.previewLength)}::text,
        updated_at = now(),
        changed = pg_current_xact_id()
      from allowed where c.id = allowed.id
      returning c.*
    ), read as (
      update member m set read = written.count from written where m.conversation_id = written.id and m.person_id = ${by.id}::uuid
    )
    select written.id, written.revision, written.title, written.model, written.instructions, written.temperature, written.thinking, written.answer,
      written.guests_ask as "guestsAsk", written.day_tokens as "dayTokens", written.count,
      written.head_id as "headId", written.running_id as "runningId",
      (extract(epoch from written.created_at) * 1000)::float8 as "createdAt",
      (extract(epoch from written.updated_at) * 1000)::float8 as "updatedAt",
      allowed.members, allowed.asks, allowed.head_id as "parentId"
    from written join allowed on allowed.id = written.id`
}

function sent(by: Person, input: Sending, stored: Stored): Sent {
  const { members, asks, parentId, ...row } = stored
  const conversation: Conversation = {
    ...row,
    last: { name: by.name, text: preview(input.text, LIMITS.previewLength) },
    deleted: false,
  }
  const position = row.revision - (asks ? 1 : 0)
  const shared = { conversationId: row.id, createdAt: row.updatedAt, deleted: false }
  const { id, text, kind } = input
  const message: PersonMessage = { ...shared, id, parentId, text, kind, author: { id: by.id, name: by.name }, position, revision: position }
  const reply: Reply | null = asks
    ? {
        ...shared,
        id: input.replyId,
        parentId: id,
        text: '',
        kind: 'reply',
        state: 'queued',
        askedBy: { id: by.id, name: by.name },
        position: position + 1,
        revision: position + 1,
        model: null,
        usage: null,
        thoughts: null,
        omitted: 0,
        failure: null,
        retryAt: null,
        truncated: false,
        stoppedBy: null,
        finishedAt: null,
      }
    : null
  const change = { conversation, messages: reply ? [message, reply] : [message], members: members.split(',') }
  return { kind: 'sent', message, reply, change }
}

/** Whether a message is for the model, by the rule of its room. */
function asks(input: Sending, rule: AnswerRule): boolean {
  return input.kind === 'prompt' && (rule === 'always' || addressesModel(input.text))
}

/** Why nothing was stored, or what an earlier call has stored. null: it should have been; another call was in between. */
async function whyNot(db: Db, by: Person, input: Sending): Promise<Sent | null> {
  return db.transaction(async (tx) => {
    const locked = await lockFor(tx, input.conversationId, by.id)
    if (!locked) return { kind: 'missing' }
    if (locked.role === 'viewer') return { kind: 'forbidden' }
    const found = await byIds(tx, [input.id, input.replyId])
    if (found.length === 0) {
      // Its own reply would have been in its way, however often it is tried.
      if (input.id === input.replyId) return { kind: 'taken' }
      if (by.kind === 'guest' && !locked.row.guestsAsk && asks(input, locked.row.answer)) return { kind: 'guest' }
      return locked.open >= LIMITS.queuedReplies ? { kind: 'busy' } : null
    }
    const mine = found.find(({ row }) => row.id === input.id)
    if (!mine || mine.row.authorId !== by.id || mine.row.conversationId !== input.conversationId) return { kind: 'taken' }
    // Only the prompt's own reply: another id that is named here may be of a room that the caller cannot see.
    const answer = found.find(({ row }) => row.id === input.replyId && row.parentId === input.id)?.message
    return { kind: 'sent', message: mine.message, reply: answer?.kind === 'reply' ? answer : null, change: null }
  })
}
