import { implement, ORPCError } from '@orpc/server'
import { contract } from '#contract/procedures'
import type { Db } from '../database/open.ts'
import { isUnavailable, sqlState, UNIQUE_VIOLATION } from '../database/sql-state.ts'
import type { Model } from '../replies/model.ts'
import type { ReplyQueue } from '../replies/queue.ts'
import type { Changes } from '../rooms/changes.ts'
import type { CallContext } from '../rooms/sockets.ts'

/** What the procedures work with. */
export type Parts = {
  readonly db: Db
  readonly changes: Changes
  readonly replies: ReplyQueue
  readonly model: Model
  readonly version: string
}

/** The contract with what every procedure has in common: a database that is away is UNAVAILABLE, a race for one id a CONFLICT. */
export const os = implement(contract)
  .$context<CallContext>()
  .use(async ({ next }) => {
    try {
      return await next()
    } catch (error) {
      if (isUnavailable(error)) throw new ORPCError('UNAVAILABLE', { defined: true, status: 503, data: { what: 'database' }, cause: error })
      if (sqlState(error) === UNIQUE_VIOLATION) {
        throw new ORPCError('CONFLICT', { defined: true, status: 409, data: { reason: 'id_taken' }, cause: error })
      }
      throw error
    }
  })
