import { type Static, Type } from '@sinclair/typebox'
import { strict } from './records.ts'
import { standard } from './schema.ts'

/*
 * The closed list of what a procedure may refuse with. Validation failures are oRPC's own BAD_REQUEST with the issues as data;
 * anything that is not in this list is a bug, is logged, and reaches the client as INTERNAL_SERVER_ERROR without details.
 */
const Missing = strict({ what: Type.Union([Type.Literal('conversation'), Type.Literal('reply')]) })
const Conflict = strict({ reason: Type.Union([Type.Literal('id_taken'), Type.Literal('reply_finished')]) })
const Busy = strict({ limit: Type.Integer() })
const RateLimited = strict({ retryAfterMs: Type.Integer({ minimum: 0 }) })
const Unavailable = strict({ what: Type.Literal('database') })

export const errors = {
  /** It does not exist, was removed, or is not yours: the three look the same. */
  NOT_FOUND: { status: 404, data: standard(Missing) },
  /** Your role in this room does not allow it. */
  FORBIDDEN: { status: 403 },
  CONFLICT: { status: 409, data: standard(Conflict) },
  /** The queue of the room, or the rooms of this socket, are at their limit. */
  BUSY: { status: 429, data: standard(Busy) },
  /** Too many calls in a short time: nothing was looked at. */
  RATE_LIMITED: { status: 429, data: standard(RateLimited) },
  /** Nothing was changed; the same call may be sent again. */
  UNAVAILABLE: { status: 503, data: standard(Unavailable) },
} as const

export type ErrorCode = keyof typeof errors
export type ErrorData = {
  NOT_FOUND: Static<typeof Missing>
  FORBIDDEN: undefined
  CONFLICT: Static<typeof Conflict>
  BUSY: Static<typeof Busy>
  RATE_LIMITED: Static<typeof RateLimited>
  UNAVAILABLE: Static<typeof Unavailable>
}
