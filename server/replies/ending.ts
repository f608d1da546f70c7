import type { Author } from '#contract'
import type { Operation } from '../database/operations.ts'
import { finish, type Outcome } from '../database/replies.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { reason } from '../log.ts'
import type { Ending, Journal } from './journal.ts'
import type { Ref, ReplyParts } from './parts.ts'
import { untilDone } from './pause.ts'

/** How a reply ends that never came to ask: what was kept of it stays. */
export const NOTHING_SAID = {
  text: null,
  failure: null,
  model: null,
  usage: null,
  truncated: false,
  stoppedBy: null,
} satisfies Partial<Outcome>
export const FAILED: Outcome = { ...NOTHING_SAID, state: 'failed', failure: { code: 'internal' } }

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

/** Who stops a reply, and by what operation if it is to be done once. */
export type Stop = { readonly by: Author; readonly operation?: Operation | undefined }

/** Ends a reply that is not being asked for because somebody has stopped it. From the first moment on it is never asked for again. */
export async function stopUnasked(parts: ReplyParts, reply: Ref, stop: Stop, closing: AbortSignal): Promise<void> {
  const { text, ...ending } = { ...NOTHING_SAID, state: 'stopped', stoppedBy: stop.by, operation: stop.operation } satisfies Outcome
  let journal: Journal | null = null
  try {
    journal = parts.journals.create({ id: reply.id, conversationId: reply.conversationId, kept: null })
    journal.end(ending)
  } catch (error) {
    parts.log.error('reply.journal_failed', { reply: reply.id, reason: reason(error) })
  }
  await write(parts, reply, { ...ending, text }, closing)
  journal?.remove()
}

/** Ends a reply that was asked for: first in its journal, then in the database. */
export async function settle(
  parts: ReplyParts,
  run: Ref & { readonly text: string | null },
  journal: Journal,
  ending: Ending,
  closing: AbortSignal,
): Promise<void> {
  try {
    journal.end(ending)
  } catch (error) {
    parts.log.error('reply.journal_failed', { reply: run.id, reason: reason(error) })
  }
  await write(parts, run, { ...ending, text: run.text }, closing)
  journal.remove()
}
