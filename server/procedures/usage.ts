import { dayEnd, dayOf, dayTokensOf, usageSince } from '../database/usage.ts'
import { os, type Parts } from './router.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export function usageProcedures({ db, budgets }: Parts) {
  return {
    report: os.usage.report.handler(async ({ input: { days }, context }) => {
      const { person } = context.socket.data
      const now = Date.now()
      const report = await usageSince(db, person, dayOf(now - (days - 1) * DAY_MS))
      const own = await dayTokensOf(db, person.id)
      const budget = { ...budgets.current, personDayTokens: own ?? budgets.current.personDayTokens }
      return { ...report, budget, resetAt: dayEnd(now) }
    }),
  }
}
