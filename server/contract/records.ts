import { type Static, type TLiteral, type TSchema, type TUnion, Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'

/** An object that refuses keys it does not know. */
export function strict<T extends Record<string, TSchema>>(properties: T) {
  return Type.Object(properties, { additionalProperties: false })
}

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

export function oneOf<const T extends string[]>(...values: T): TUnion<{ [K in keyof T]: TLiteral<T[K]> }> {
  return Type.Union(values.map((value) => Type.Literal(value))) as TUnion<{ [K in keyof T]: TLiteral<T[K]> }>
}

export const Id = Type.String({ format: 'uuid' })
/** Milliseconds since 1970 by the server's clock: for reading, never for ordering. */
export const Time = Type.Integer({ minimum: 0 })
export const Revision = Type.Integer({ minimum: 0 })

export const Person = strict({ id: Id, name: Type.String(), kind: oneOf('owner', 'member', 'guest') })
export type Person = Static<typeof Person>

/** What a room begins with that this person makes. */
export const Defaults = strict({ model: nullable(Type.String()), instructions: Type.String() })
export type Defaults = Static<typeof Defaults>

export const Author = strict({ id: Id, name: Type.String() })
export type Author = Static<typeof Author>

export const AnswerRule = oneOf('always', 'mention')
export type AnswerRule = Static<typeof AnswerRule>

/** How much a model thinks before it answers; `minimal`: as little as it can. */
export const Thinking = oneOf('minimal', 'low', 'medium', 'high')
export type Thinking = Static<typeof Thinking>

/** Who may do what in a room: a viewer reads; a participant writes, asks and stops; an owner also invites, removes people and the room. */
export const Role = oneOf('owner', 'participant', 'viewer')
export type Role = Static<typeof Role>

export const Conversation = strict({
  id: Id,
  /** The newest durable change of the conversation, of its own fields or of any message. */
  revision: Revision,
  title: Type.String({ maxLength: LIMITS.titleLength }),
  model: nullable(Type.String()),
  instructions: Type.String(),
  /** null: the model's own. */
  temperature: nullable(Type.Number({ minimum: 0, maximum: 2 })),
  /** null: as much as the model likes. */
  thinking: nullable(Thinking),
  answer: AnswerRule,
  /** Whether people who came by an invitation may ask the model; notes they may write all the same. */
  guestsAsk: Type.Boolean(),
  /** Tokens that the room may use up in a day; null: as many as the server's own rule says. */
  dayTokens: nullable(Type.Integer({ minimum: 0 })),
  /** How many messages were ever made in it: less what a person has read, it is what they have not. */
  count: Type.Integer({ minimum: 0 }),
  headId: nullable(Id),
  /** The newest line of the room. */
  last: nullable(strict({ name: Type.String(), text: Type.String() })),
  /** The reply that is being written. */
  runningId: nullable(Id),
  createdAt: Time,
  updatedAt: Time,
  deleted: Type.Boolean(),
})
export type Conversation = Static<typeof Conversation>

/** Why a reply did not end well: a code and its data; the sentence is made at the screen. */
export const Failure = Type.Union([
  /** The provider asked for patience; null when it did not say how long. */
  strict({ code: Type.Literal('rate_limited'), retryAfterMs: nullable(Type.Integer()) }),
  /** The quota of a day or the prepaid amount is used up. */
  strict({ code: Type.Literal('quota_used_up'), retryAfterMs: nullable(Type.Integer()) }),
  strict({ code: Type.Literal('key_refused') }),
  strict({ code: Type.Literal('model_unknown'), model: Type.String() }),
  /** The provider would not answer, for a reason of content. */
  strict({ code: Type.Literal('blocked'), reason: Type.String(), prompt: Type.Boolean() }),
  /** The provider ended the answer for another reason of its own. */
  strict({ code: Type.Literal('ended'), reason: Type.String() }),
  strict({ code: Type.Literal('request_refused'), status: Type.Integer() }),
  strict({ code: Type.Literal('unavailable'), status: nullable(Type.Integer()) }),
  /** No byte, or no further byte, came in time. */
  strict({ code: Type.Literal('silent'), afterMs: Type.Integer() }),
  /** The stream broke off before it said that it was finished. */
  strict({ code: Type.Literal('cut') }),
  /** The server was killed or restarted while the reply was being written. */
  strict({ code: Type.Literal('restarted') }),
  /** The tokens of the day are used up, those of the person who asked, of the room, of all guests or of the whole server; again from `resetAt`. */
  strict({ code: Type.Literal('budget_used_up'), whose: oneOf('person', 'room', 'guests', 'server'), resetAt: Time }),
  strict({ code: Type.Literal('internal') }),
])
export type Failure = Static<typeof Failure>

/**
 * Tokens as the provider counted them; `output` includes the thoughts. Of a call that ended before the provider had counted anything (stopped while it
 * was thinking, silent, cut, or the server was killed): an estimate, a token for every four UTF-16 units that were asked and said. A reply that
 * was gone on with has the sum of its calls.
 */
export const Usage = strict({
  prompt: Type.Integer(),
  output: Type.Integer(),
  thoughts: Type.Integer(),
  total: Type.Integer(),
  /** Of several calls: the context that the last of them has taken. */
  fills: Type.Optional(Type.Integer()),
})
export type Usage = Static<typeof Usage>

export const Thoughts = strict({ text: Type.String(), ms: Type.Integer({ minimum: 0 }) })
export type Thoughts = Static<typeof Thoughts>

export const ReplyState = oneOf('queued', 'streaming', 'complete', 'stopped', 'failed', 'interrupted')
export type ReplyState = Static<typeof ReplyState>

const row = {
  id: Id,
  conversationId: Id,
  parentId: nullable(Id),
  text: Type.String(),
  /** The revision that created the message: its place in the room, for ever. */
  position: Revision,
  revision: Revision,
  createdAt: Time,
  deleted: Type.Boolean(),
}

export const PersonMessage = strict({ ...row, kind: oneOf('prompt', 'note'), author: Author })
export type PersonMessage = Static<typeof PersonMessage>

export const Reply = strict({
  ...row,
  kind: Type.Literal('reply'),
  state: ReplyState,
  /** Who asked for it, last. */
  askedBy: nullable(Author),
  /** What the provider says answered, e.g. `gemini-3.5-flash`. */
  model: nullable(Type.String()),
  usage: nullable(Usage),
  /** What the model said of its thinking, in Markdown, and how long it thought before the first word; null: nothing. Known when the reply has ended. */
  thoughts: nullable(Thoughts),
  /** How many of the oldest messages did not fit into what the model was asked, beyond `LIMITS.leftOut` at least so many; known when the reply has ended. */
  omitted: Type.Integer({ minimum: 0 }),
  /** Why it did not end well; while it streams, why the model has to be asked again. */
  failure: nullable(Failure),
  /** When the model is asked by itself: again, while the reply streams and has said nothing yet; or, while it is queued, at its person's pace. */
  retryAt: nullable(Time),
  /** True when the answer ended at the model's length limit. */
  truncated: Type.Boolean(),
  stoppedBy: nullable(Author),
  finishedAt: nullable(Time),
})
export type Reply = Static<typeof Reply>

export const Message = Type.Union([PersonMessage, Reply])
export type Message = Static<typeof Message>

/** The text so far of a reply that is being written. */
export const LiveText = strict({ id: Id, text: Type.String() })
export type LiveText = Static<typeof LiveText>

/** The same for those who are in the room: `thoughts` is what the model has said of its thinking so far, in Markdown. */
export const LiveReply = strict({ ...LiveText.properties, thoughts: Type.String() })
export type LiveReply = Static<typeof LiveReply>
