import { newId, type Usage } from '#contract'
import { claimTitle, type Cost, giveTitle } from '../database/titles.ts'
import { dayOf } from '../database/usage.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { reason } from '../log.ts'
import type { Ref, ReplyParts } from './parts.ts'
import { untilDone } from './pause.ts'
import { estimate } from './prompt.ts'
import { followAnswer, type StopReason } from './run.ts'
import { titleIn, titleRequest } from './title.ts'

/** A title that has not come by then is none. */
const PATIENCE_MS = 20_000
/** Far more than any title: a model that goes on does not know what it was asked. */
const MOST_UNITS = 400

/** A complete reply in a room without a title, and what was asked. */
export type Titled = Ref & { readonly model: string; readonly prompt: string; readonly answer: string }

type Parts = Pick<ReplyParts, 'budgets' | 'changes' | 'db' | 'log' | 'model' | 'models'>

/**
 * Titles for rooms that nobody has named: one small call to the room's model, after its first complete reply, or after a later one if that could not
 * be made. The database says that it is the only one; whatever goes wrong with it, the room keeps the title that it has.
 */
export class Titles {
  readonly #parts: Parts
  readonly #closing = new AbortController()
  /** By room. */
  readonly #running = new Map<string, Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Never rejects, and is waited for by nobody but `close`. */
  find(reply: Titled): void {
    const { conversationId } = reply
    if (this.#running.has(conversationId)) return
    const run = this.#find(reply)
      .catch((error) => this.#parts.log.warn('title.failed', { conversation: conversationId, reason: reason(error) }))
      .finally(() => this.#running.delete(conversationId))
    this.#running.set(conversationId, run)
  }

  /** Gives up what is being looked for. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running.values())
  }

  async #find(reply: Titled): Promise<void> {
    const { budgets, changes, db } = this.#parts
    const look = await budgets.look(reply.id)
    if (!look || this.#closing.signal.aborted) return
    const key = `title of ${reply.conversationId}`
    const request = titleRequest({ ...reply, facts: this.#parts.models.known(reply.model) })
    const { personId } = look.spending
    // Of a time in which nobody was said to have asked.
    if (personId === null) return
    const priced = (usage: Usage, model: string | null): Cost => ({ day: dayOf(Date.now()), personId, model: model ?? reply.model, usage })
    let said = ''
    // A title is not worth the wait for what others cost.
    if (budgets.take(key, look, () => estimate(request, said.length).total) !== null) return
    try {
      const thought = priced(estimate(request, 0), null)
      const [claim, end] = [newId(), newId()]
      if (!(await untilDone(() => claimTitle(db, reply.conversationId, claim, thought), this.#closing.signal, isUnavailable))) return
      const found = await this.#ask(reply, request, (text) => (said += text))
      const told = { title: found.title, thought, cost: found.usage && priced(found.usage, found.model) }
      // What it has cost is to be written also by a server that is just ending, if the database lets it.
      const write = () =>
        changes.change(reply.conversationId, async () => ({ change: await giveTitle(db, reply.conversationId, end, told) }))
      if (this.#closing.signal.aborted) await write()
      else await untilDone(write, this.#closing.signal, isUnavailable)
    } finally {
      budgets.ended(key)
    }
  }

  async #ask(reply: Titled, request: ReturnType<typeof titleRequest>, hear: (text: string) => string) {
    const { log, model } = this.#parts
    const stop = new AbortController()
    const end = () => stop.abort({ kind: 'shutdown' } satisfies StopReason)
    const timer = setTimeout(end, PATIENCE_MS)
    this.#closing.signal.addEventListener('abort', end, { once: true })
    let said = ''
    try {
      const ending = await followAnswer({
        model,
        request,
        // Nobody has seen any of it: after a crash there is nothing to restore.
        journal: { asked: true, append: () => {}, thought: () => {}, used: () => {} },
        kept: 0,
        thought: null,
        show(text) {
          said = hear(text)
          if (said.length > MOST_UNITS) end()
        },
        showThought() {},
        stopped: stop.signal,
        onBug: (error) => log.error('title.bug', { conversation: reply.conversationId, reason: reason(error) }),
      })
      const title = ending.state === 'complete' ? titleIn(said) : ''
      if (title === '')
        log.info('title.none', { conversation: reply.conversationId, state: ending.state, code: ending.failure?.code ?? null })
      return { title: title === '' ? null : title, usage: ending.usage, model: ending.model }
    } finally {
      clearTimeout(timer)
      this.#closing.signal.removeEventListener('abort', end)
    }
  }
}
