import { Type } from '@sinclair/typebox'
import { branches, fork } from './branch-procedures.ts'
import { LIMITS } from './limits.ts'
import { model, preset } from './model-procedures.ts'
import { admin, usage } from './owner-procedures.ts'
import { passkey } from './passkeys.ts'
import { link, member, presence, session } from './people-procedures.ts'
import { Arrangement, ArrangementFields, Member, Membership } from './people.ts'
import { nothing, procedure } from './procedure.ts'
import { AnswerRule, Conversation, Defaults, Id, LiveReply, Message, nullable, Reply, Revision, strict, Thinking } from './records.ts'
import { search } from './search.ts'

const limit = Type.Integer({ minimum: 1, maximum: LIMITS.maxPageRows })
const text = Type.String({ minLength: 1, maxLength: LIMITS.messageLength })
const fields = {
  title: Type.Optional(Type.String({ maxLength: LIMITS.titleLength })),
  model: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: LIMITS.modelLength }))),
  instructions: Type.Optional(Type.String({ maxLength: LIMITS.instructionsLength })),
  temperature: Type.Optional(nullable(Type.Number({ minimum: 0, maximum: 2 }))),
  thinking: Type.Optional(nullable(Thinking)),
  answer: Type.Optional(AnswerRule),
  guestsAsk: Type.Optional(Type.Boolean()),
  /** Set by an owner of the room. */
  dayTokens: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: 2_000_000_000 }))),
}

/** Made with the command: what was carried out under it is not done again when the call is repeated, and answers the row as it is. */
const operation = Type.Optional(Id)

/** Rows of a room that changed; `revision` is the cursor up to which the answer is complete. */
const changes = {
  conversation: Conversation,
  messages: Type.Array(Message),
  revision: Revision,
  /** Later changes are left: pull on from `revision`. With `since` 0 it says that older messages exist: see `history`. */
  more: Type.Boolean(),
}

/** Everything a client may ask, over the socket at /rpc. Every call needs a session; a room is reached through membership. */
export const contract = {
  session,
  conversation: {
    /**
     * The rooms of the caller, all that live (`complete`) or those changed since a cursor that an earlier call returned (then removed ones too).
     * `more`: the list goes on from the cursor.
     */
    list: procedure(
      strict({ since: Type.Optional(Type.String({ maxLength: 80 })) }),
      strict({
        conversations: Type.Array(Conversation),
        /** What these rooms are to the caller. */
        memberships: Type.Array(Membership),
        /** How the caller keeps those of them that they have ever pinned, archived or tagged. */
        arrangements: Type.Array(Arrangement),
        /** Rooms that were the caller's, and have not been since the cursor. */
        gone: Type.Array(Id),
        /** What a room begins with that the caller makes. */
        defaults: Defaults,
        cursor: Type.String(),
        complete: Type.Boolean(),
        more: Type.Boolean(),
      }),
    ),
    create: procedure(strict({ id: Id, ...fields }), Conversation),
    update: procedure(strict({ id: Id, operation, ...fields }), Conversation),
    remove: procedure(strict({ id: Id }), nothing),
    /** Pins, archives and tags a room for the caller alone, whatever their role in it. */
    arrange: procedure(Type.Composite([strict({ id: Id, operation }), ArrangementFields], { additionalProperties: false }), Arrangement),
    fork,
    /** Subscribes the calling socket, then reads: rows changed since a revision (0: the newest page), live texts, people. */
    join: procedure(
      strict({ id: Id, since: Revision, limit }),
      strict({ ...changes, live: Type.Array(LiveReply), people: Type.Array(Member) }),
    ),
    leave: procedure(strict({ id: Id }), nothing),
    /** Rows with a revision above `since`, in the order of their revisions. */
    pull: procedure(strict({ id: Id, since: Revision, limit }), strict(changes)),
    /** Rows with a position below `before`, newest first. */
    history: procedure(strict({ id: Id, before: Revision, limit }), strict({ messages: Type.Array(Message), more: Type.Boolean() })),
  },
  message: {
    /** Stores a prompt with its queued reply, or a note. Idempotent by `id`; answered only after the commit. */
    send: procedure(
      strict({
        id: Id,
        conversationId: Id,
        text,
        kind: Type.Union([Type.Literal('prompt'), Type.Literal('note')]),
        replyId: Id,
      }),
      strict({ message: Message, reply: nullable(Reply) }),
    ),
    /** Takes back a prompt of the caller's that still waits, together with its reply. Idempotent; CONFLICT `started` when it is too late. */
    withdraw: procedure(strict({ id: Id }), Message),
    /**
     * Gives waiting prompts of the caller's own in one room another order, that of `ids`. Their texts change places; what others have asked stays
     * where it is. `revision` is the newest among the rows of these prompts that the person saw: sent again, the call finds a newer one and changes
     * nothing. CONFLICT `started` when one of them is not waiting any more.
     */
    reorder: procedure(
      strict({
        conversationId: Id,
        ids: Type.Array(Id, { minItems: 2, maxItems: LIMITS.queuedReplies, uniqueItems: true }),
        revision: Revision,
      }),
      nothing,
    ),
    ...branches,
  },
  reply: {
    /** Ends a reply and keeps its text. Idempotent; a reply that has ended is returned as it is. */
    stop: procedure(strict({ id: Id, operation }), Reply),
    /**
     * Goes on from the kept text of a reply that was stopped, interrupted, cut short or failed. `revision` is that of the row that the
     * person saw: sent again, the call finds a newer row, asks nothing of the model and returns the row.
     */
    resume: procedure(strict({ id: Id, revision: Revision }), Reply),
  },
  member,
  link,
  passkey,
  presence,
  search,
  model,
  preset,
  usage,
  admin,
}
