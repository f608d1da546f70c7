import type { ModelFacts } from '#contract'
import type { Model } from './model.ts'
import { contextTokens } from './prompt.ts'

const FRESH_MS = 10 * 60_000
/** A provider that could not be asked is left alone for so long. */
const AGAIN_MS = 30_000
/** Shorter than a call may take. */
const PATIENCE_MS = 6_000
/** A reply waits for them no longer. */
const FIRST_MS = 1_500
const MOST = 200

export type ModelList = { readonly models: ModelFacts[]; readonly standard: string; readonly stale: boolean }

/** What the provider says of its models, kept for a while; what it has said before holds while it cannot be asked. */
export class Models {
  readonly #model: Pick<Model, 'name' | 'list'>
  readonly #onFailure: (error: unknown) => void
  readonly #now: () => number
  #known: ModelFacts[] | null = null
  #stale = false
  #againAt = 0
  #asking: Promise<void> | null = null

  constructor(model: Pick<Model, 'name' | 'list'>, onFailure: (error: unknown) => void, now: () => number = Date.now) {
    this.#model = model
    this.#onFailure = onFailure
    this.#now = now
  }

  /** Never rejects. Without any answer of the provider's: the model that answers, and that nothing is known of it. */
  async list(): Promise<ModelList> {
    if (this.#now() >= this.#againAt) await (this.#asking ??= this.#ask().finally(() => (this.#asking = null)))
    const { name } = this.#model
    const models = this.#known ?? []
    // What is set for the server answers also when the provider does not list it.
    return { models: models.some(({ id }) => id === name) ? models : [unknown(name), ...models], standard: name, stale: this.#stale }
  }

  /** Waits, for a moment, for the first thing that the provider says: a server that has just started knows nothing yet. Never rejects. */
  async first(mostMs = FIRST_MS): Promise<void> {
    if (this.#known !== null || this.#stale) return
    const enough = Promise.withResolvers<void>()
    const timer = setTimeout(enough.resolve, mostMs)
    await Promise.race([this.list(), enough.promise])
    clearTimeout(timer)
  }

  /** What is known of a model by now; null: nothing. What is old is asked for anew beside it. */
  known(id: string): ModelFacts | null {
    void this.list()
    const plain = id.replace(/^models\//, '')
    return this.#known?.find((model) => model.id === plain) ?? null
  }

  async #ask(): Promise<void> {
    try {
      const models = await this.#model.list(AbortSignal.timeout(PATIENCE_MS))
      this.#known = models.slice(0, MOST)
      this.#stale = false
      this.#againAt = this.#now() + FRESH_MS
    } catch (error) {
      this.#stale = true
      this.#againAt = this.#now() + AGAIN_MS
      this.#onFailure(error)
    }
  }
}

function unknown(id: string): ModelFacts {
  return {
    id,
    name: id,
    description: '',
    inputTokens: null,
    outputTokens: null,
    contextTokens: contextTokens(null),
    thinking: false,
    temperature: null,
    maxTemperature: 2,
  }
}
