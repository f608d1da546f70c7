import type { ModelFacts } from '#contract'
import { demoAnswer, demoTitle } from './demo-text.ts'
import type { Model, ModelEvent, ModelRequest } from './model.ts'
import { pause } from './pause.ts'
import { contextTokens, estimate } from './prompt.ts'
import { TITLE_INSTRUCTIONS } from './title.ts'

const CHUNK_MS = 25
const SHORTEST_CHUNK = 3
const LONGEST_CHUNK = 20

const FACTS: ModelFacts = {
  id: 'demo',
  name: 'Demo',
  description: 'Built in: it shows how Confab works, and calls nobody.',
  inputTokens: null,
  outputTokens: null,
  contextTokens: contextTokens(null),
  thinking: false,
  temperature: null,
  maxTemperature: null,
}

/** The stand-in when there is no key: a local answer that says what it is, paced like a model's. `chunkMs`: the pause before each piece. */
export function createDemo(options: { readonly chunkMs?: number } = {}): Model {
  const { chunkMs = CHUNK_MS } = options
  return {
    name: 'demo',
    speaker: 'Demo',
    demo: true,
    list: async () => [FACTS],
    stream: (request, signal) => answer(request, signal, chunkMs),
  }
}

async function* answer(request: ModelRequest, signal: AbortSignal, chunkMs: number): AsyncGenerator<ModelEvent, void, void> {
  signal.throwIfAborted()
  const whole = request.instructions === TITLE_INSTRUCTIONS ? demoTitle(request.turns) : demoAnswer(request.turns)
  // A stopped answer goes on where it stopped; one that somebody else began gets a paragraph of its own.
  const text = whole.startsWith(request.kept) ? whole.slice(request.kept.length) : `\n\n${whole}`
  let said = 0
  for (const piece of cut(text)) {
    await pause(chunkMs, signal)
    said += piece.length
    yield { type: 'text', text: piece }
    yield { type: 'usage', usage: estimate(request, said), model: 'demo' }
  }
  yield { type: 'finish', truncated: false }
}

/** Pieces of uneven length, the same ones for the same text, and never half of a character. */
function* cut(text: string): Generator<string> {
  const characters = Array.from(text)
  let state = characters.length
  for (let at = 0; at < characters.length;) {
    // Park and Miller's generator: enough to look alive, and repeatable.
    state = (state * 48_271) % 2_147_483_647
    const length = SHORTEST_CHUNK + (state % (LONGEST_CHUNK - SHORTEST_CHUNK + 1))
    yield characters.slice(at, at + length).join('')
    at += length
  }
}
