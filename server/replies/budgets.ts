import type { Budget, Failure } from '#contract'
import type { Db } from '../database/open.ts'
import { readBudget, writeBudget } from '../database/settings.ts'
import { dayEnd, dayOf, spendingOf } from '../database/usage.ts'

const NO_BOUND: Budget = { personDayTokens: null, roomDayTokens: null, serverDayTokens: null, personMinuteRequests: null }

/** What the model may cost, as the owner of the server has set it. */
export class Budgets {
  readonly #db: Db
  #current: Budget

  private constructor(db: Db, current: Budget) {
    this.#db = db
    this.#current = current
  }

  static async open(db: Db): Promise<Budgets> {
    return new Budgets(db, { ...NO_BOUND, ...(await readBudget(db)) })
  }

  get current(): Budget {
    return this.#current
  }

  async set(budget: Budget): Promise<void> {
    await writeBudget(this.#db, budget)
    this.#current = budget
  }

  /**
   * Why a reply may not be asked for today; null: it may. What is being written is not counted yet, so a day may cost as many answers more as are
   * written at once.
   */
  async usedUp(replyId: string): Promise<Extract<Failure, { code: 'budget_used_up' }> | null> {
    const now = Date.now()
    const spending = await spendingOf(this.#db, replyId, dayOf(now))
    if (!spending) return null
    const { personDayTokens, roomDayTokens, serverDayTokens } = this.#current
    // The owner may give a person more than others have; a room's owner may only give less to it than the server does.
    const person = spending.disabled ? 0 : (spending.personBound ?? personDayTokens)
    const room = Math.min(spending.roomBound ?? Infinity, roomDayTokens ?? Infinity)
    const resetAt = dayEnd(now)
    if (person !== null && spending.byPerson >= person) return { code: 'budget_used_up', whose: 'person', resetAt }
    if (spending.inRoom >= room) return { code: 'budget_used_up', whose: 'room', resetAt }
    return spending.inAll >= (serverDayTokens ?? Infinity) ? { code: 'budget_used_up', whose: 'server', resetAt } : null
  }
}
