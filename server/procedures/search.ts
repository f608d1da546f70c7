import { searchMessages } from '../database/search.ts'
import { Pace } from '../replies/pace.ts'
import { os, type Parts } from './router.ts'
import { Turns } from './turns.ts'

/** Somebody who types all the time asks less often. */
const A_MINUTE = 120
const REPLACED_MS = 1_000

export function searchProcedures({ db }: Parts) {
  const pace = new Pace()
  const turns = new Turns()
  return {
    messages: os.search.messages.handler(async ({ input, context, errors }) => {
      const personId = context.socket.data.person.id
      const retryAfterMs = pace.take(personId, A_MINUTE)
      if (retryAfterMs > 0) throw errors.RATE_LIMITED({ data: { retryAfterMs } })
      const found = await turns.take(personId, () => searchMessages(db, personId, input))
      if (!found) throw errors.RATE_LIMITED({ data: { retryAfterMs: REPLACED_MS } })
      return found
    }),
  }
}
