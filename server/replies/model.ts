import type { Failure, ModelFacts, Thinking, Usage } from '#contract'

/** One turn of the talk as a model sees it. */
export type Turn = { readonly role: 'user' | 'model'; readonly text: string }

export type ModelRequest = {
  readonly model: string
  /** What the room's owner wants the model to keep in mind; empty: nothing. */
  readonly instructions: string
  /** null: the model's own. */
  readonly temperature: number | null
  readonly thinking: Thinking | null
  /** Whether the model is known to think: others refuse to be asked for thoughts. */
  readonly thinks: boolean
  /** Oldest first; the last one is a user's. */
  readonly turns: readonly Turn[]
  /** What the model has answered to the last turn so far, when it shall go on from there; else empty. */
  readonly kept: string
  /** How many of the oldest messages were left out, for want of space. */
  readonly omitted: number
}

/** What a model says while it answers. A stream that ends without `finish` was cut. */
export type ModelEvent =
  | { readonly type: 'text'; readonly text: string }
  /** The model is thinking: not part of the answer, but a sign of life. */
  | { readonly type: 'thought'; readonly text: string }
  /** Cumulative: the last one counts. `model` is what the provider says answered. */
  | { readonly type: 'usage'; readonly usage: Usage; readonly model: string | null }
  | { readonly type: 'finish'; readonly truncated: boolean }

export interface Model {
  /** What may answer. Throws when the provider cannot be asked. */
  list(signal: AbortSignal): Promise<readonly ModelFacts[]>
  /** What answers when a room names no model. */
  readonly name: string
  /** Who speaks, for people: "Gemini". */
  readonly speaker: string
  /** True for the built-in stand-in that needs no key. */
  readonly demo: boolean
  /**
   * Asks once; nothing is retried in here. Throws a ModelError for every failure of the provider or of the way to it, and the
   * signal's reason when the signal is aborted. Leaving the loop or aborting ends the request.
   */
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>
}

/** A failure of the model, as the closed list of the contract names it. */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure.code)
    this.failure = failure
  }
}
