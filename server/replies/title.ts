import { cut, label, LIMITS, type ModelFacts, preview } from '#contract'
import type { ModelRequest } from './model.ts'

/** By these words a request for a title is told from one for an answer. */
export const TITLE_INSTRUCTIONS =
  'You name conversations. You are shown how one begins. Say a title for it and nothing else: at most six words, in its language, on one line, without quotation marks and without a full stop.'
const ASK = 'What is the title of this conversation?'

/** What of the prompt and of its answer is shown, in UTF-16 units. */
const SHOWN_UNITS = 2_000

/** What is asked to find the title of a room, by how it begins. */
export function titleRequest(options: { model: string; facts: ModelFacts | null; prompt: string; answer: string }): ModelRequest {
  const { model, facts, prompt, answer } = options
  return {
    model,
    instructions: TITLE_INSTRUCTIONS,
    temperature: null,
    // As little as it can; a model that does not think must not be asked to.
    thinking: facts?.thinking === true ? 'minimal' : null,
    thinks: false,
    turns: [
      { role: 'user', text: shown(prompt) },
      { role: 'model', text: shown(answer) },
      { role: 'user', text: ASK },
    ],
    kept: '',
    omitted: 0,
  }
}

/** The title in what a model has said; empty: there is none. */
export function titleIn(said: string): string {
  const line = said.split('\n').find((one) => preview(one, LIMITS.firstTitleLength) !== '') ?? ''
  const words = preview(line.replace(/^\W*title\s*:/i, ''), line.length + 1)
  return label(words.replace(QUOTES_BEFORE, '').replace(QUOTES_AFTER, ''), LIMITS.firstTitleLength)
}

const QUOTES_BEFORE = /^[\s"'`*_“”„‟«»‘’‚‹›「」『』《》]+/u
const QUOTES_AFTER = /[\s"'`*_“”„‟«»‘’‚‹›「」『』《》.。]+$/u

function shown(text: string): string {
  return cut(text, SHOWN_UNITS)
}
