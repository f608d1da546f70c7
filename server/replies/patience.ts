import type { Failure } from '#contract'
import { type Model, ModelError, type ModelEvent, type ModelRequest } from './model.ts'
import { pause } from './pause.ts'

/** Asked again so often after the first time, when the model asks for patience or is not available. */
const RETRIES = 2
/** A longer wait is a person's decision. */
const LONGEST_MS = 60_000
/** Where the provider does not say how long: the first wait, and four times as long the next. */
const UNSAID_MS = 1_000
/** Rooms that were refused together shall not come back together. */
const SPREAD_MS = 500

/** How long to wait before the model is asked again, after so many refusals of one run; null: it is not asked again. */
export function waitAfter(failure: Failure, refusals: number): number | null {
  if (refusals > RETRIES) return null
  const unsaidMs = UNSAID_MS * 4 ** (refusals - 1)
  switch (failure.code) {
    case 'rate_limited':
      if (failure.retryAfterMs !== null && failure.retryAfterMs > LONGEST_MS) return null
      return failure.retryAfterMs ?? unsaidMs * 4
    case 'unavailable':
      // Without a status nobody knows whether the request arrived: to ask again might be a second answer.
      return failure.status === null ? null : unsaidMs
    case 'quota_used_up':
    case 'key_refused':
    case 'model_unknown':
    case 'blocked':
    case 'ended':
    case 'request_refused':
    case 'silent':
    case 'cut':
    case 'restarted':
    case 'budget_used_up':
    case 'internal':
      return null
  }
}

export type Waiting = {
  /** The model has refused, and why; it is asked again then. */
  onRefused(failure: Failure, retryAt: Date): void
  /** The wait is over. What this throws ends the run: the model is not asked. */
  onAgain(): void
  /** An earlier server was refused: not asked before that. */
  readonly notBefore: Date | null
  readonly random?: () => number
}

/**
 * The model, asked again when it refuses before its first word: one call at a time, each begun only after the one before was refused. A model
 * that has said anything, a thought included, is never asked again: it has begun its one answer.
 */
export function patient(model: Pick<Model, 'stream'>, waiting: Waiting): Pick<Model, 'stream'> {
  const { notBefore, random = Math.random } = waiting
  return { stream: (request, signal) => ask(request, signal) }

  async function* ask(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, void> {
    // Bounded, for it was another server's clock.
    if (notBefore) await wait(Math.min(Math.max(0, notBefore.getTime() - Date.now()), LONGEST_MS + SPREAD_MS), signal)
    for (let refusals = 1; ; refusals++) {
      let heard = false
      try {
        for await (const event of model.stream(request, signal)) {
          heard = true
          yield event
        }
        return
      } catch (error) {
        const waitMs = heard || !(error instanceof ModelError) ? null : waitAfter(error.failure, refusals)
        if (waitMs === null || !(error instanceof ModelError)) throw error
        const spreadMs = waitMs + random() * SPREAD_MS
        waiting.onRefused(error.failure, new Date(Date.now() + spreadMs))
        await wait(spreadMs, signal)
      }
    }
  }

  async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
    await pause(delayMs, signal)
    waiting.onAgain()
  }
}
