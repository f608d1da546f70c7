import type { Budget, Failure } from '#contract'
import type { Db } from '../database/open.ts'
import { readBudget, writeBudget } from '../database/settings.ts'
import { dayEnd, dayOf, spendingOf } from '../database/usage.ts'

/** Until the owner says otherwise: people are not bounded, those who came by a link are, so that a link that got about costs a known sum. */
const AT_FIRST: Budget = {
  personDayTokens: null,
  roomDayTokens: null,
  serverDayTokens: null,
  guestsDayTokens: 500_000,
  personMinuteRequests: null,
}

type UsedUp = Extract<Failure, { code: 'budget_used_up' }>

/** A reply that is being written, as far as its cost goes. */
type Underway = {
  /** What it is thought to have cost so far, in tokens. */
  readonly tokens: () => number
  readonly ended: PromiseWithResolvers<void>
  readonly asked: Pick<Spending, 'personId' | 'conversationId' | 'guest'>
}

type Spending = NonNullable<Awaited<ReturnType<typeof spendingOf>>>

/** What was used when it was looked, and what was being written then. */
export type Look = { readonly at: number; readonly spending: Spending; readonly beside: ReadonlySet<Underway> }

/** What the model may cost, as the owner of the server has set it. */
export class Budgets {
  readonly #db: Db
  #current: Budget
  /** By reply. In this process only: others of the same database are seen when theirs have ended. */
  readonly #underway = new Map<string, Underway>()
  /** Whoever waits may have more. */
  #raised = Promise.withResolvers<void>()

  private constructor(db: Db, current: Budget) {
    this.#db = db
    this.#current = current
  }

  static async open(db: Db): Promise<Budgets> {
    return new Budgets(db, { ...AT_FIRST, ...(await readBudget(db)) })
  }

  get current(): Budget {
    return this.#current
  }

  async set(budget: Budget): Promise<void> {
    await writeBudget(this.#db, budget)
    this.#current = budget
    this.#raised.resolve()
    this.#raised = Promise.withResolvers()
  }

  /** What today has cost those who pay for a reply. null: there is no such reply. */
  async look(replyId: string): Promise<Look | null> {
    const at = Date.now()
    const beside = new Set(this.#underway.values())
    const spending = await spendingOf(this.#db, replyId, dayOf(at))
    return spending && { at, spending, beside }
  }

  /**
   * Counts a reply as one that is being written, whose cost so far `tokens` says, until `ended`; null: it is counted. Or why it may not be asked for
   * today. Or a promise, after which it has to be looked again: it depends on what others cost that are being written, which nobody knows before.
   */
  take(replyId: string, look: Look, tokens: () => number): UsedUp | { readonly until: Promise<void> } | null {
    const usedUp = this.#usedUp(look, [])
    if (usedUp) return usedUp
    // What has ended since it was looked may or may not be in what was read.
    const beside = [...new Set([...look.beside, ...this.#underway.values()])]
    if (this.#usedUp(look, beside)) return { until: Promise.race([this.#raised.promise, ...beside.map(({ ended }) => ended.promise)]) }
    this.#underway.set(replyId, { tokens, ended: Promise.withResolvers(), asked: look.spending })
    return null
  }

  /** A reply has ended, and what it has cost is written, if it was ever counted. */
  ended(replyId: string): void {
    this.#underway.get(replyId)?.ended.resolve()
    this.#underway.delete(replyId)
  }

  #usedUp({ at, spending }: Look, beside: readonly Underway[]): UsedUp | null {
    const { personDayTokens, roomDayTokens, guestsDayTokens, serverDayTokens } = this.#current
    const { personId, conversationId } = spending
    const running = (whose: (asked: Underway['asked']) => boolean) =>
      beside.reduce((sum, { asked, tokens }) => sum + (whose(asked) ? tokens() : 0), 0)
    // The owner may give a person more than others have; a room's owner may only give less to it than the server does.
    const person = spending.disabled ? 0 : (spending.personBound ?? personDayTokens ?? Infinity)
    const room = Math.min(spending.roomBound ?? Infinity, roomDayTokens ?? Infinity)
    const guests = spending.guest ? (guestsDayTokens ?? Infinity) : Infinity
    const bounds = [
      ['person', person, spending.byPerson + running((asked) => asked.personId === personId)],
      ['room', room, spending.inRoom + running((asked) => asked.conversationId === conversationId)],
      ['guests', guests, spending.byGuests + running(({ guest }) => guest)],
      ['server', serverDayTokens ?? Infinity, spending.inAll + running(() => true)],
    ] as const
    const over = bounds.find(([, bound, used]) => used >= bound)
    return over ? { code: 'budget_used_up', whose: over[0], resetAt: dayEnd(at) } : null
  }
}
