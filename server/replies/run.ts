import { type Author, type Failure, storable, type Usage } from '#contract'
import type { Operation } from '../database/operations.ts'
import type { Ending, Journal } from './journal.ts'
import { type Model, ModelError, type ModelEvent, type ModelRequest } from './model.ts'
import { createPieces } from './pieces.ts'

/** Why a run is ended from outside. */
export type StopReason =
  | { readonly kind: 'person'; readonly by: Author; readonly operation?: Operation | undefined }
  /** The server is stopping. */
  | { readonly kind: 'shutdown' }

/** A reply longer than this is ended as if the model had reached its own limit. */
const REPLY_UNITS = 300_000

/**
 * Asks the model once and follows its answer to the end. Every piece of text goes to the journal and then to `show`, in this order.
 * Never rejects: whatever happens is an ending.
 */
export async function followAnswer(options: {
  model: Pick<Model, 'stream'>
  request: ModelRequest
  journal: Pick<Journal, 'append' | 'used'>
  /** Length of the text that was there before. */
  kept: number
  show: (text: string) => void
  stopped: AbortSignal
  onBug: (error: unknown) => void
}): Promise<Ending> {
  const { model, request, journal, show, stopped } = options
  const pieces = createPieces(storable)
  let units = options.kept
  let usage: Usage | null = null
  let answeredBy: string | null = null

  const put = (text: string) => {
    if (text === '') return
    journal.append(text)
    units += text.length
    show(text)
  }
  const ending = (rest: Partial<Ending> & Pick<Ending, 'state'>): Ending => ({
    failure: null,
    truncated: false,
    stoppedBy: null,
    usage,
    model: answeredBy,
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
    const iterator = model.stream(request, stopped)[Symbol.asyncIterator]()
    events = iterator
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted.promise])
      if (done) return unfinished(units, ending, { code: 'cut' })
      switch (value.type) {
        case 'text':
          put(pieces.push(value.text))
          if (units > REPLY_UNITS) return ending({ state: 'complete', truncated: true })
          break
        case 'thought':
          break
        case 'usage':
          usage = value.usage
          answeredBy = value.model
          journal.used({ usage, model: answeredBy })
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

/** A lost connection leaves an answer interrupted when there is any of it; everything else has failed. */
function unfinished(units: number, ending: (rest: Pick<Ending, 'state' | 'failure'>) => Ending, failure: Failure): Ending {
  const lost = failure.code === 'cut' || failure.code === 'silent' || (failure.code === 'unavailable' && failure.status === null)
  return ending({ state: lost && units > 0 ? 'interrupted' : 'failed', failure })
}
