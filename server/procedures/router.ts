import { implement, ORPCError } from '@orpc/server'
import { LIMITS } from '#contract'
import { contract } from '#contract/procedures'
import { reach } from '../database/conversations.ts'
import type { Passkeys } from '../access/passkeys.ts'
import { inTime } from '../database/in-time.ts'
import type { Database, Db } from '../database/open.ts'
import { isUnavailable, sqlState, UNIQUE_VIOLATION } from '../database/sql-state.ts'
import type { Model } from '../replies/model.ts'
import type { Models } from '../replies/models.ts'
import type { Budgets } from '../replies/budgets.ts'
import type { ReplyQueue } from '../replies/queue.ts'
import type { Bus } from '../rooms/bus.ts'
import type { Changes } from '../rooms/changes.ts'
import type { Presence } from '../rooms/presence.ts'
import type { Readers } from '../rooms/readers.ts'
import type { CallContext, Socket, Sockets } from '../rooms/sockets.ts'

/** What the procedures work with. */
export type Parts = {
  readonly db: Db
  readonly bus: Bus
  readonly changes: Changes
  readonly passkeys: Passkeys
  readonly replies: ReplyQueue
  readonly presence: Presence
  readonly readers: Readers
  readonly sockets: Sockets
  readonly budgets: Budgets
  readonly model: Model
  readonly models: Models
  readonly version: string
  /** Which kind of database `db` is. */
  readonly database: Database['kind']
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** A client waits for ten seconds: it shall hear what is the matter, and hold no place among the calls in flight for longer. */
const CALL_MS = 8_000

/**
 * The contract with what every procedure has in common: one call too many is RATE_LIMITED, a database that is away or too slow is UNAVAILABLE, a
 * race for one id a CONFLICT. What was given up here may still be carried out; every procedure may be called again.
 */
export const os = implement(contract)
  .$context<CallContext>()
  .use(async ({ next, context: { retryAfterMs } }) => {
    if (retryAfterMs !== null) throw new ORPCError('RATE_LIMITED', { defined: true, status: 429, data: { retryAfterMs } })
    try {
      return await inTime(next(), CALL_MS)
    } catch (error) {
      if (isUnavailable(error)) throw new ORPCError('UNAVAILABLE', { defined: true, status: 503, data: { what: 'database' }, cause: error })
      if (sqlState(error) === UNIQUE_VIOLATION) {
        throw new ORPCError('CONFLICT', { defined: true, status: 409, data: { reason: 'id_taken' }, cause: error })
      }
      throw error
    }
  })

/**
 * Whether a room may be waited for at all: a change stands in line behind the others of its room, and nobody who is not in it may make that line longer.
 * What they may do there is looked at again when it is their turn.
 */
export async function isMember(db: Db, socket: Socket, conversationId: string): Promise<boolean> {
  return socket.data.rooms.has(conversationId) || (await reach(db, conversationId, socket.data.person.id)) !== null
}

/** Why a prompt, or what is asked for anew, is not taken; `busy`: the queue of the room is full. */
type Refused = 'forbidden' | 'guest' | 'taken' | 'busy'
type RefusalErrors = {
  FORBIDDEN(options: { data: { reason: 'role' | 'guest' } }): Error
  CONFLICT(options: { data: { reason: 'id_taken' } }): Error
  BUSY(options: { data: { limit: number } }): Error
}

/** What to throw when the model is not to be asked. */
export function refusal(kind: Refused, errors: RefusalErrors): Error {
  switch (kind) {
    case 'forbidden':
      return errors.FORBIDDEN({ data: { reason: 'role' } })
    case 'guest':
      return errors.FORBIDDEN({ data: { reason: 'guest' } })
    case 'taken':
      return errors.CONFLICT({ data: { reason: 'id_taken' } })
    case 'busy':
      return errors.BUSY({ data: { limit: LIMITS.queuedReplies } })
  }
}
