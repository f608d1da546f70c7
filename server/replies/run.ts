import { type Author, cut, type Failure, storable, type Thoughts, type Usage } from '#contract'
import type { Operation } from '../database/operations.ts'
import type { Ending, Journal } from './journal.ts'
import { type Model, ModelError, type ModelEvent, type ModelRequest } from './model.ts'
import { createPieces } from './pieces.ts'
import { estimate } from './prompt.ts'

/** Why a run is ended from outside. */
export type StopReason =
  | { readonly kind: 'person'; readonly by: Author; readonly operation?: Operation | undefined }
  /** The server is stopping. */
  | { readonly kind: 'shutdown' }

/** A reply longer than this is ended as if the model had reached its own limit. */
const REPLY_UNITS = 300_000

/** What is kept of its thinking. */
const THOUGHT_UNITS = 20_000

/**
 * Asks the model once and follows its answer to the end. Every piece of text or thought goes to the journal and is then shown, in this order.
 * Never rejects: whatever happens is an ending.
 */
export async function followAnswer(options: {
  model: Pick<Model, 'stream'>
  request: ModelRequest
  journal: Pick<Journal, 'append' | 'thought' | 'used' | 'asked'>
  /** Length of the text that was there before. */
  kept: number
  /** What it said of its thinking before. */
  thought: Thoughts | null
  show: (text: string) => void
  showThought: (text: string) => void
  stopped: AbortSignal
  onBug: (error: unknown) => void
}): Promise<Ending> {
  const { model, request, journal, show, stopped } = options
  const pieces = createPieces(storable)
  const thoughtPieces = createPieces(storable)
  let units = options.kept
  const startedAt = performance.now()
  let thoughts: Thoughts | null = null
  let usage: Usage | null = null
  let answeredBy: string | null = null
  let sent = false
  let heard = false

  const put = (text: string) => {
    if (text === '') return
    journal.append(text)
    units += text.length
    show(text)
  }
  const think = (said: string) => {
    if (said === '') return
    const before = (thoughts ?? options.thought)?.text ?? ''
    // Each summary begins with a heading, and not every model ends the one before it.
    const apart = (thoughts === null || said.startsWith('**')) && before !== '' && !before.endsWith('\n') ? '\n\n' : ''
    const text = cut(apart + said, THOUGHT_UNITS - before.length)
    const ms = (options.thought?.ms ?? 0) + Math.round(performance.now() - startedAt)
    if (text === '') return
    // Nothing of this run has been shown yet: what it thought before comes with it, or it would be gone.
    const piece = thoughts === null ? before + text : text
    journal.thought({ text: piece, ms })
    thoughts = { text: before + text, ms }
    options.showThought(piece)
  }
  const ending = (rest: Partial<Ending> & Pick<Ending, 'state'>): Ending => ({
    failure: null,
    truncated: false,
    stoppedBy: null,
    // The provider counts also what nobody waits for: a call without a report is worth its prompt and what was said, or budgets would not see it.
    usage: usage ?? (sent && journal.asked && isCharged(rest, heard) ? estimate(request, units - options.kept) : null),
    model: answeredBy,
    ...(thoughts === null ? {} : { thoughts }),
    ...(sent ? { omitted: request.omitted } : {}),
    ...rest,
  })

  // The way out must not depend on the model's: an abort ends the wait for its next word, whether it listens or not.
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {})
  const onAbort = () => aborted.reject(stopped.reason)
  stopped.addEventListener('abort', onAbort, { once: true })
  let events: AsyncIterator<ModelEvent> | null = null
  try {
    stopped.throwIfAborted()
    // For a server that is killed before the first report.
    journal.used({ usage: estimate(request, 0), model: null, omitted: request.omitted })
    const iterator = model.stream(request, stopped)[Symbol.asyncIterator]()
    events = iterator
    sent = true
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted.promise])
      if (done) return unfinished(units, ending, { code: 'cut' })
      heard = true
      switch (value.type) {
        case 'text':
          put(pieces.push(value.text))
          if (units > REPLY_UNITS) return ending({ state: 'complete', truncated: true })
          break
        case 'thought':
          think(thoughtPieces.push(value.text))
          break
        case 'usage':
          usage = value.usage
          answeredBy = value.model
          journal.used({ usage, model: answeredBy, omitted: request.omitted })
          break
        case 'finish':
          put(pieces.rest())
          return ending({ state: 'complete', truncated: value.truncated })
      }
    }
  } catch (error) {
    if (stopped.aborted) {
      const reason: StopReason = stopped.reason
      switch (reason.kind) {
        case 'person':
          return ending({ state: 'stopped', stoppedBy: reason.by, operation: reason.operation })
        case 'shutdown':
          return ending({ state: 'interrupted', failure: { code: 'restarted' } })
      }
    }
    if (error instanceof ModelError) return unfinished(units, ending, error.failure)
    options.onBug(error)
    return unfinished(units, ending, { code: 'internal' })
  } finally {
    stopped.removeEventListener('abort', onAbort)
    // Not awaited: a generator that is stuck would keep the run from ending.
    void events?.return?.()?.then(undefined, () => {})
  }
}

/** Whether an answer that ended so, and was heard of or not, is one that the provider has worked on; a refusal costs nothing. */
function isCharged({ state, failure }: Pick<Ending, 'state'> & Partial<Pick<Ending, 'failure'>>, heard: boolean): boolean {
  // Of a connection that was lost before the first word nobody knows whether the request arrived.
  return heard || state === 'stopped' || failure?.code === 'restarted' || failure?.code === 'silent' || failure?.code === 'cut'
}

/** A lost connection leaves an answer interrupted when there is any of it; everything else has failed. */
function unfinished(units: number, ending: (rest: Pick<Ending, 'state' | 'failure'>) => Ending, failure: Failure): Ending {
  const lost = failure.code === 'cut' || failure.code === 'silent' || (failure.code === 'unavailable' && failure.status === null)
  return ending({ state: lost && units > 0 ? 'interrupted' : 'failed', failure })
}
