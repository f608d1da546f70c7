import { type Failure, LIMITS, type Thoughts } from '#contract'
import { countBeyond, path } from '../database/messages.ts'
import { begin, defer, findQueued } from '../database/replies.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { reason } from '../log.ts'
import { roomTopic, shareTopic } from '../rooms/bus.ts'
import { FAILED, NOTHING_SAID, settle, stopUnasked, write } from './ending.ts'
import type { Journal } from './journal.ts'
import type { ModelRequest } from './model.ts'
import type { Ref, ReplyParts } from './parts.ts'
import { patient } from './patience.ts'
import { untilDone } from './pause.ts'
import { buildRequest, CONTEXT_STEPS, CONTEXT_UNITS, estimate, isWhole } from './prompt.ts'
import { followAnswer, type StopReason } from './run.ts'
import type { Start } from './starts.ts'
import type { Titled } from './titles.ts'

/** A reply that has its turn. `text` is null until it is known what was kept from before; `ending`: only its end is left to be written. */
export type Run = Ref & {
  text: string | null
  thoughts: string
  ending: boolean
  readonly stop: AbortController
  readonly enter: Start['enter']
  readonly aside: Start['aside']
}

/**
 * Brings one reply from the queue to its end: reads what to ask, claims it with a journal, asks, shows, writes. Returns what a title for its room is to be
 * found by, when that is to be done now. Rejects only when the end could not be written; then the journal is still there, and the next start of the
 * server writes it.
 */
export async function answer(parts: ReplyParts, run: Run, closing: AbortSignal): Promise<Titled | null> {
  const { log, changes, db, journals, model } = parts
  let prepared: Prepared | Refused | null
  try {
    prepared = await inTurn(parts, run)
  } catch (error) {
    await unasked(parts, run, closing, error)
    return null
  }
  if (prepared === null) return null
  if ('refused' in prepared) {
    run.ending = true
    await write(parts, run, { ...NOTHING_SAID, state: 'failed', failure: prepared.refused }, closing)
    return null
  }
  const { request, thoughts, retryAt, prompt } = prepared
  run.text = request.kept
  let journal: Journal
  try {
    journal = journals.create({ id: run.id, conversationId: run.conversationId, kept: request.kept.length }, retryAt === null)
  } catch (error) {
    await unasked(parts, run, closing, error)
    return null
  }
  // Beside the call to the model, not before it: the journal is the claim, and the first word need not wait for the database.
  changes
    .change(run.conversationId, async () => ({ change: await begin(db, run) }))
    .catch((error) => log.warn('reply.begin_failed', { reply: run.id, reason: reason(error) }))
  const ending = await followAnswer({
    model: patient(model, {
      notBefore: retryAt,
      onRefused: (failure, again) => wait(parts, run, journal, { failure, retryAt: again }),
      onAgain: () => void (journal.asked = true),
    }),
    request,
    journal,
    kept: request.kept.length,
    thought: thoughts,
    show: (text) => show(parts, run, text),
    showThought: (text) => showThought(parts, run, text),
    stopped: run.stop.signal,
    onBug: (error) => log.error('reply.bug', { reply: run.id, reason: reason(error) }),
  })
  // Only refused so far: its journal lets the next server ask.
  if (!journal.asked && isLeft(run)) return null
  run.ending = true
  if (!(await settle(parts, run, journal, ending, closing))) return null
  return { id: run.id, conversationId: run.conversationId, model: request.model, prompt, answer: run.text }
}

/** `prompt`: the one that is answered, as it was written; `thoughts`: those of earlier runs. */
type Prepared = {
  readonly request: ModelRequest
  readonly thoughts: Thoughts | null
  readonly retryAt: Date | null
  readonly prompt: string
}

/** Why the model is not to be asked. */
type Refused = { readonly refused: Failure }

/** It depends on what others cost, and is to be looked at anew then. */
type Waits = { readonly until: Promise<void> }

/** What to ask, and not before when, as soon as it may be asked and somebody pays for it; null: there is nothing to answer any more. */
async function inTurn(parts: ReplyParts, run: Run): Promise<Prepared | Refused | null> {
  while (await run.enter()) {
    const prepared = await prepare(parts, run)
    if (prepared === null || !('until' in prepared)) return prepared
    await run.aside(prepared.until)
  }
  return null
}

/** The same for this moment, as soon as the database can say it. */
function prepare({ budgets, db, log, model, models }: ReplyParts, run: Run): Promise<Prepared | Refused | Waits | null> {
  return untilDone(
    async () => {
      const [reply, steps, look] = await Promise.all([
        findQueued(db, run.id),
        path(db, run.id, { steps: CONTEXT_STEPS, units: CONTEXT_UNITS }),
        budgets.look(run.id),
        models.first(),
      ])
      // Ids come from clients: one of another room must not be answered in this one.
      if (!reply || reply.deletedAt !== null || reply.conversationId !== run.conversationId) return null
      const { instructions, temperature, thinking, text: kept, thoughts, retryAt } = reply
      const name = reply.model ?? model.name
      const before = isWhole(steps) ? 0 : await countBeyond(db, run.id, steps.length, LIMITS.leftOut)
      const request = buildRequest({ model: name, instructions, temperature, thinking, facts: models.known(name), steps, before, kept })
      // Who waits for it no longer must not be counted.
      run.stop.signal.throwIfAborted()
      const tokens = () => estimate(request, (run.text ?? kept).length - kept.length).total
      const found = look && budgets.take(run.id, look, tokens)
      if (found) return 'until' in found ? found : { refused: found }
      const prompt = steps.findLast((step) => step.kind === 'prompt')?.text ?? ''
      return { request, thoughts, retryAt, prompt }
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
  run.ending = true
  if (run.stop.signal.aborted) {
    const why: StopReason = run.stop.signal.reason
    if (why.kind === 'person') await stopUnasked(parts, run, why, closing)
    return
  }
  parts.log.error('reply.not_asked', { reply: run.id, reason: reason(error) })
  await write(parts, run, FAILED, closing)
}

/** Whether a run ends because the server does. */
function isLeft({ stop: { signal } }: Run): boolean {
  const why: StopReason | undefined = signal.reason
  return why?.kind === 'shutdown'
}

function show({ bus }: ReplyParts, run: Run, text: string): void {
  const before = run.text ?? ''
  run.text = before + text
  for (const topic of [roomTopic(run.conversationId), shareTopic(run.conversationId)])
    bus.publish(topic, ['delta', run.id, before.length, text])
}

/** Not to those who read a share: it may tell of the room's instructions. */
function showThought({ bus }: ReplyParts, run: Run, text: string): void {
  const offset = run.thoughts.length
  run.thoughts += text
  bus.publish(roomTopic(run.conversationId), ['thought', run.id, offset, text])
}

// Beside the wait: when it cannot be written, the wait is the same.
function wait({ changes, db, log }: ReplyParts, run: Run, journal: Journal, why: { failure: Failure; retryAt: Date }): void {
  const failed = (error: unknown) => log.warn('reply.wait_failed', { reply: run.id, reason: reason(error) })
  try {
    journal.asked = false
  } catch (error) {
    failed(error)
  }
  changes.change(run.conversationId, async () => ({ change: await defer(db, run, why) })).catch(failed)
}
