import type { Failure, Usage } from '#contract'
import { type Model, ModelError, type ModelEvent, type ModelRequest } from '../../server/replies/model.ts'
import { TITLE_INSTRUCTIONS } from '../../server/replies/title.ts'
import { waitAfter } from '../../server/replies/patience.ts'
import { after, between, chance, now, random } from './realm.ts'

/** How the next call fails. */
export type ModelFault = 'refuses' | 'breaks' | 'cut' | 'silent' | 'truncates'

/** The only answer there is to a prompt with this number, from its first to its last unit. */
export function wholeAnswer(number: number): string {
  const words = ['right', '語', '👩‍👩‍👧', 'and so', '𠮷', 'on', '🇨🇭', 'then', 'e\u0301', 'last']
  let text = ''
  for (let index = 0; index <= (number * 7) % 17; index++) text += `${number}.${index} ${words[(number + index * 3) % words.length]} `
  return text
}

/** The number in a prompt's text. */
export const promptText = (number: number) => `question #${number};`
export const numberIn = (text: string) => Number(/#(\d+);(?![\s\S]*#\d+;)/.exec(text)?.[1] ?? Number.NaN)

/** The model that all servers of a run ask: it knows one answer to every prompt, goes on where a kept text ends, and counts. */
export class ScriptedModel {
  /** Of every prompt, by number, how often the model has begun to answer. */
  readonly calls = new Map<number, number>()
  /** Which prompts, by number, a title was looked for by. */
  readonly titles: number[] = []
  /** What is wrong with a request, in words. */
  readonly complaints: string[] = []
  /** What happens to the next calls, one after the other. */
  readonly faults: ModelFault[] = []
  /** Until when the servers may wait before they ask again. */
  patientUntil = 0
  /** From now on answers come whole and fast. */
  healed = false
  /** It says what it thinks, and nothing twice. */
  thinks = false
  #thoughts = 0

  /** The model as one server sees it; `alive` says whether that one still runs. */
  of(alive: () => boolean): Model {
    return {
      name: 'model',
      speaker: 'Model',
      demo: false,
      list: async () => [],
      stream: (request, signal) => this.#answer(request, signal, alive),
    }
  }

  async *#answer(request: ModelRequest, signal: AbortSignal, alive: () => boolean): AsyncGenerator<ModelEvent, void, void> {
    if (request.instructions === TITLE_INSTRUCTIONS) return yield* this.#title(request, signal, alive)
    const { number, kept } = this.#asked(request)
    let begun = false
    // A refusal before the first word is no answer: the server may ask again.
    const begin = () => {
      if (!begun) this.calls.set(number, (this.calls.get(number) ?? 0) + 1)
      begun = true
    }
    const rest = wholeAnswer(number).slice(kept.length)
    const fault = (this.healed ? null : this.faults.shift()) ?? null
    const pace = this.healed ? 5 : between(3, 250)
    if (fault === 'refuses')
      throw this.#refusal({ code: 'rate_limited', retryAfterMs: WAITS_MS[Math.floor(random() * WAITS_MS.length)] ?? null })
    const end = fault === null || fault === 'truncates' ? rest.length : Math.floor(random() * rest.length)
    for (let left = this.thinks ? Math.floor(random() * 4) : 0; left > 0; left--) {
      await this.#pause(between(0, pace), signal, alive)
      begin()
      yield* this.#think()
    }
    for (let at = 0; at < end;) {
      await this.#pause(chance(0.2) ? 0 : between(0, pace * 2), signal, alive)
      if (this.thinks && chance(0.1)) yield* this.#think()
      // Anywhere, also between the halves of a character.
      const length = Math.min(1 + Math.floor(random() * 24), end - at)
      begin()
      yield { type: 'text', text: rest.slice(at, at + length) }
      if (chance(0.1)) yield { type: 'usage', usage: USAGE, model: 'model-1' }
      at += length
    }
    await this.#pause(between(0, pace), signal, alive)
    if (fault !== 'breaks') begin()
    switch (fault) {
      case 'silent':
        await this.#pause(30_000, signal, alive)
        throw new ModelError({ code: 'silent', afterMs: 30_000 })
      case 'breaks':
        throw this.#refusal({ code: 'unavailable', status: chance(0.5) ? 503 : null })
      case 'cut':
        return
      case 'truncates':
      case null:
        yield { type: 'finish', truncated: fault !== null }
    }
  }

  /** In halves, which may be those of a character. */
  *#think(): Generator<ModelEvent, void, void> {
    const number = ++this.#thoughts
    const words = `${chance(0.5) ? `**Thought ${number}**\n\n` : ''}${'hm 𠮷 '.repeat(1 + (number % 5))}`
    const half = Math.floor(random() * words.length)
    for (const text of [words.slice(0, half), words.slice(half)]) if (text !== '') yield { type: 'thought', text }
  }

  // No chance in it: the schedules that are kept were found without titles.
  async *#title({ turns }: ModelRequest, signal: AbortSignal, alive: () => boolean): AsyncGenerator<ModelEvent, void, void> {
    const number = numberIn(turns[0]?.text ?? '')
    this.titles.push(number)
    await this.#pause(number % 40, signal, alive)
    if (number % 5 === 0) throw new ModelError({ code: 'unavailable', status: 503 })
    yield { type: 'text', text: `Title ${number}` }
    yield { type: 'usage', usage: USAGE, model: 'model-1' }
    await this.#pause(number % 40, signal, alive)
    yield { type: 'finish', truncated: false }
  }

  #refusal(failure: Failure): ModelError {
    const longestMs = Math.max(waitAfter(failure, 1) ?? 0, waitAfter(failure, 2) ?? 0) + SPREAD_MS
    this.patientUntil = Math.max(this.patientUntil, now() + longestMs)
    return new ModelError(failure)
  }

  #asked({ turns, kept }: ModelRequest): { number: number; kept: string } {
    const prompt = turns.at(-1)
    const number = numberIn(prompt?.text ?? '')
    if (prompt?.role !== 'user' || Number.isNaN(number)) this.complaints.push(`a request without a prompt: ${JSON.stringify(turns)}`)
    else if (!wholeAnswer(number).startsWith(kept)) this.complaints.push(`goes on from a text that it never said: ${kept}`)
    return { number, kept }
  }

  // Healing ends a long silence, too: what comes after it is part of what heals.
  #pause(delayMs: number, signal: AbortSignal, alive: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const until = this.#sliced(delayMs, () => {
        if (alive()) resolve()
      })
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => {
        until()
        if (alive()) reject(signal.reason)
      })
    })
  }

  #sliced(delayMs: number, done: () => void): () => void {
    let cancel = () => {}
    const next = (restMs: number) => {
      const mine = this.healed ? Math.min(restMs, 20) : restMs
      const slice = Math.min(mine, 500)
      cancel = after(slice, () => (mine > slice ? next(mine - slice) : done()))
    }
    next(delayMs)
    return () => cancel()
  }
}

/** For what a refusal asks: nothing in particular, patience, and more of it than the server has. */
const WAITS_MS = [null, 500, 1_000, 120_000]
/** What the server adds to a wait, at most. */
const SPREAD_MS = 500
const USAGE: Usage = { prompt: 1, output: 1, thoughts: 0, total: 2 }
