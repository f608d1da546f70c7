import { type Static, Type } from '@sinclair/typebox'
import { oneOf, strict } from './records.ts'
import { standard } from './schema.ts'

/*
 * The closed list of what a procedure may refuse with. Validation failures are oRPC's own BAD_REQUEST with the issues as data;
 * anything that is not in this list is a bug, is logged, and reaches the client as INTERNAL_SERVER_ERROR without details.
 */
const Missing = strict({ what: oneOf('conversation', 'reply', 'message', 'member', 'link', 'session', 'person') })
/**
 * `role`: your role in the room; `guest`: guests may not ask here; `owner`: the owner of the server only; `last_owner`: a room needs an owner; `host`: no
 * passkeys at this address; `passkey`: it is no proof of what was asked.
 */
const Forbidden = strict({ reason: oneOf('role', 'guest', 'owner', 'last_owner', 'host', 'passkey') })
/** `started`: the model is being asked already, or was; `late`: what is answered was asked too long ago. */
const Conflict = strict({ reason: oneOf('id_taken', 'reply_finished', 'started', 'late') })
const Busy = strict({ limit: Type.Integer() })
const RateLimited = strict({ retryAfterMs: Type.Integer({ minimum: 0 }) })
const Unavailable = strict({ what: oneOf('database') })

export const errors = {
  /** It does not exist, was removed, or is not yours: the three look the same. */
  NOT_FOUND: { status: 404, data: standard(Missing) },
  /** It is there, and you may not. */
  FORBIDDEN: { status: 403, data: standard(Forbidden) },
  CONFLICT: { status: 409, data: standard(Conflict) },
  /** The queue of the room, its people, its links, a person's passkeys or the rooms of this socket are at their limit. */
  BUSY: { status: 429, data: standard(Busy) },
  /** Too many calls in a short time: nothing was looked at. */
  RATE_LIMITED: { status: 429, data: standard(RateLimited) },
  /** Nothing was changed; the same call may be sent again. */
  UNAVAILABLE: { status: 503, data: standard(Unavailable) },
} as const

export type ErrorCode = keyof typeof errors
export type ErrorData = {
  NOT_FOUND: Static<typeof Missing>
  FORBIDDEN: Static<typeof Forbidden>
  CONFLICT: Static<typeof Conflict>
  BUSY: Static<typeof Busy>
  RATE_LIMITED: Static<typeof RateLimited>
  UNAVAILABLE: Static<typeof Unavailable>
}
