import type { Failure } from '#contract'
import { path } from '../database/messages.ts'
import { begin, defer, findQueued, finish, type Outcome } from '../database/replies.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { reason } from '../log.ts'
import { roomTopic } from '../rooms/bus.ts'
import type { Ending, Journal } from './journal.ts'
import type { ModelRequest } from './model.ts'
import type { Ref, ReplyParts } from './parts.ts'
import { patient } from './patience.ts'
import { untilDone } from './pause.ts'
import { buildRequest, CONTEXT_STEPS, CONTEXT_UNITS } from './prompt.ts'
import { followAnswer, type StopReason } from './run.ts'
import type { Start } from './starts.ts'

/** A reply that has its turn. `text` is null until it is known what was kept from before. */
export type Run = Ref & { text: string | null; readonly stop: AbortController; readonly enter: Start['enter'] }

/** How a reply ends that never came to ask: what was kept of it stays. */
export const NOTHING_SAID = {
  text: null,
  failure: null,
  model: null,
  usage: null,
  truncated: false,
  stoppedBy: null,
} satisfies Partial<Outcome>
const FAILED: Outcome = { ...NOTHING_SAID, state: 'failed', failure: { code: 'internal' } }

/**
 * Brings one reply from the queue to its end: reads what to ask, claims it with a journal, asks, shows, writes. Rejects only when the end
 * could not be written; then the journal is still there, and the next start of the server writes it.
 */
export async function answer(parts: ReplyParts, run: Run, closing: AbortSignal): Promise<void> {
  const { log, changes, db, journals, model } = parts
  let request: ModelRequest | Refused | null
  try {
    if (!(await run.enter())) return
    request = await prepare(parts, run)
  } catch (error) {
    return unasked(parts, run, closing, error)
  }
  if (request === null) return
  if ('refused' in request) return write(parts, run, { ...NOTHING_SAID, state: 'failed', failure: request.refused }, closing)
  run.text = request.kept
  let journal: Journal
  try {
    journal = journals.create({ id: run.id, conversationId: run.conversationId, kept: request.kept.length })
  } catch (error) {
    return unasked(parts, run, closing, error)
  }
  // Beside the call to the model, not before it: the journal is the claim, and the first word need not wait for the database.
  const began = changes
    .change(run.conversationId, async () => ({ change: await begin(db, run) }))
    .catch((error) => log.warn('reply.begin_failed', { reply: run.id, reason: reason(error) }))
  const ending = await followAnswer({
    model: patient(model, (failure, retryAt) => wait(parts, run, failure, retryAt)),
    request,
    journal,
    kept: request.kept.length,
    show: (text) => show(parts, run, text),
    stopped: run.stop.signal,
    onBug: (error) => log.error('reply.bug', { reply: run.id, reason: reason(error) }),
  })
  await settle(parts, run, journal, ending, began, closing)
}

/** Writes how a reply ended and tells the room, as often as it takes. Rejects when the server is stopping, or when no ending can be written. */
export async function write(parts: ReplyParts, reply: Ref, outcome: Outcome, closing: AbortSignal): Promise<void> {
  const { changes, db, log, model } = parts
  const attempt = (how: Outcome) =>
    untilDone(
      () => changes.change(reply.conversationId, async () => ({ change: await finish(db, reply, how, model.speaker) })),
      closing,
      (error) => {
        log.warn('reply.write_failed', { reply: reply.id, reason: reason(error) })
        return isUnavailable(error)
      },
    )
  try {
    await attempt(outcome)
  } catch (error) {
    if (closing.aborted) throw error
    // No waiting will cure it, and a reply that never ends would hold up its room.
    await attempt(FAILED)
  }
}

/** Why the model is not to be asked. */
type Refused = { readonly refused: Failure }

/** What to ask, as soon as the database can say it; null: there is nothing to answer any more. */
function prepare({ budgets, db, log, model }: ReplyParts, run: Run): Promise<ModelRequest | Refused | null> {
  return untilDone(
    async () => {
      const [reply, steps, refused] = await Promise.all([
        findQueued(db, run.id),
        path(db, run.id, { steps: CONTEXT_STEPS, units: CONTEXT_UNITS }),
        budgets.usedUp(run.id),
      ])
      // Ids come from clients: one of another room must not be answered in this one.
      if (!reply || reply.deletedAt !== null || reply.conversationId !== run.conversationId) return null
      if (refused) return { refused }
      const { instructions, text: kept } = reply
      return buildRequest({ model: reply.model ?? model.name, instructions, steps, kept })
    },
    run.stop.signal,
    (error) => {
      log.warn('reply.prepare_failed', { reply: run.id, reason: reason(error) })
      return isUnavailable(error)
    },
  )
}

/** The end of a reply that was never asked for: stopped while it was read, left for the next start, or impossible. */
async function unasked(parts: ReplyParts, run: Run, closing: AbortSignal, error: unknown): Promise<void> {
  if (run.stop.signal.aborted) {
    const why: StopReason = run.stop.signal.reason
    if (why.kind === 'person') await write(parts, run, { ...NOTHING_SAID, state: 'stopped', stoppedBy: why.by }, closing)
    return
  }
  parts.log.error('reply.not_asked', { reply: run.id, reason: reason(error) })
  await write(parts, run, FAILED, closing)
}

function show({ bus }: ReplyParts, run: Run, text: string): void {
  const before = run.text ?? ''
  run.text = before + text
  bus.publish(roomTopic(run.conversationId), ['delta', run.id, before.length, text])
}

// Beside the wait: when it cannot be written, the wait is the same.
function wait({ changes, db, log }: ReplyParts, run: Run, failure: Failure, retryAt: Date): void {
  changes
    .change(run.conversationId, async () => ({ change: await defer(db, run, { failure, retryAt }) }))
    .catch((error) => log.warn('reply.wait_failed', { reply: run.id, reason: reason(error) }))
}

async function settle(parts: ReplyParts, run: Run, journal: Journal, ending: Ending, began: Promise<unknown>, closing: AbortSignal) {
  try {
    journal.end(ending)
  } catch (error) {
    parts.log.error('reply.journal_failed', { reply: run.id, reason: reason(error) })
  }
  await began
  await write(parts, run, { ...ending, text: run.text }, closing)
  journal.remove()
}
