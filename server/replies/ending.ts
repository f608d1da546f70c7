import type { Author, Usage } from '#contract'
import type { Operation } from '../database/operations.ts'
import { byIds } from '../database/messages.ts'
import { finish, type Outcome } from '../database/finishing.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { reason } from '../log.ts'
import type { Ending, Journal, LeftBehind } from './journal.ts'
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

/**
 * The outcome as `attempt` can write it: when that fails for good, as a failure with the same text and cost, and then without what it has cost.
 * The text is never given up, for people have read it. Rejects as `attempt` does when nothing can be written, or when `waits` says that it may pass.
 */
export async function writeSome(
  outcome: Outcome,
  attempt: (how: Outcome) => Promise<unknown>,
  waits: (error: unknown) => boolean,
): Promise<void> {
  const less: Outcome = { ...FAILED, text: outcome.text }
  for (const how of [outcome, { ...less, usage: plain(outcome.usage) }]) {
    try {
      await attempt(how)
      return
    } catch (error) {
      if (waits(error)) throw error
    }
  }
  await attempt(less)
}

function plain(usage: Usage | null): Usage | null {
  return usage && Object.values(usage).every(Number.isSafeInteger) ? usage : null
}

/**
 * Writes how a reply ended and tells the room, as often as it takes; `at` is when it ended. Returns whether the room is to get a title now. Rejects
 * when the server is stopping, or when no ending can be written.
 */
export async function write(parts: ReplyParts, reply: Ref, outcome: Outcome, closing: AbortSignal, at = new Date()): Promise<boolean> {
  const { changes, db, log, model } = parts
  let untitled = false
  const attempt = (how: Outcome) =>
    untilDone(
      async () => {
        const { change } = await changes.change(reply.conversationId, async () => ({
          change: await finish(db, reply, how, model.speaker, at),
        }))
        untitled = change?.untitled === true
      },
      closing,
      (error) => {
        log.warn('reply.write_failed', { reply: reply.id, reason: reason(error) })
        return isUnavailable(error)
      },
    )
  // What no waiting will cure must not keep the reply open: it would hold up its room.
  await writeSome(outcome, attempt, () => closing.aborted)
  return untitled
}

/** Who stops a reply, and by what operation if it is to be done once. */
export type Stop = { readonly by: Author; readonly operation?: Operation | undefined }

/** Ends a reply that is not being asked for because somebody has stopped it. From the first moment on it is never asked for again. */
export async function stopUnasked(parts: ReplyParts, reply: Ref, stop: Stop, closing: AbortSignal): Promise<void> {
  const { text, ...ending } = { ...NOTHING_SAID, state: 'stopped', stoppedBy: stop.by, operation: stop.operation } satisfies Outcome
  const left = parts.journals.left().find(({ id }) => id === reply.id)
  if (left) return stopLeft(parts, left, ending, closing)
  const at = new Date()
  let journal: Journal | null = null
  try {
    journal = parts.journals.create({ id: reply.id, conversationId: reply.conversationId, kept: null })
    journal.end(ending, at)
  } catch (error) {
    parts.log.error('reply.journal_failed', { reply: reply.id, reason: reason(error) })
  }
  await write(parts, reply, { ...ending, text }, closing, at)
  journal?.remove()
}

/** Ends a reply whose end could not be written before, with what was seen of it: as it had ended by itself, otherwise as stopped. */
async function stopLeft(parts: ReplyParts, left: LeftBehind, stopped: Ending, closing: AbortSignal): Promise<void> {
  const [found] = await byIds(parts.db, [left.id])
  const { thoughts, used } = left
  const ending = left.ending ?? { ...stopped, ...used, ...(thoughts && { thoughts }) }
  await write(parts, left, { ...ending, text: found ? textSeen(left, found.row.text) : null }, closing, left.endedAt ?? new Date())
  left.remove()
}

/** The text of a reply as it was seen, when its row still has what was kept of it before; null: its row has it all. */
export function textSeen({ kept, text }: LeftBehind, row: string): string | null {
  return kept === null ? null : row.slice(0, kept) + text
}

/** Ends a reply that was asked for: first in its journal, then in the database. Returns whether its room is to get a title now. */
export async function settle(
  parts: ReplyParts,
  run: Ref & { readonly text: string | null },
  journal: Journal,
  ending: Ending,
  closing: AbortSignal,
): Promise<boolean> {
  const at = new Date()
  try {
    journal.end(ending, at)
  } catch (error) {
    parts.log.error('reply.journal_failed', { reply: run.id, reason: reason(error) })
  }
  const untitled = await write(parts, run, { ...ending, text: run.text }, closing, at)
  journal.remove()
  return untitled
}
