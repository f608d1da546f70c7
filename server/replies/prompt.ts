import type { ModelFacts, Thinking, Usage } from '#contract'
import type { Step } from '../database/messages.ts'
import type { ModelRequest, Turn } from './model.ts'

/** What a token of text is worth, roughly, in UTF-16 units. */
const UNITS_PER_TOKEN = 4

/** What it is worth at least, where too long a request would be refused. */
const UNITS_PER_SCARCE_TOKEN = 2

/** Roughly 150,000 tokens: what a request may carry. The oldest turns go first. */
export const CONTEXT_UNITS = 600_000

/** How far back a request looks at all. */
export const CONTEXT_STEPS = 2_000

const SEVERAL_PEOPLE = 'Several people take part in this conversation. Each of their messages begins with the name of its author.'

/**
 * What the model is asked: the path from the root to the prompt, without notes, removed messages and empty replies; with the speakers'
 * names when there is more than one; cut to the budget from the front; and for a reply that goes on, its kept text.
 */
export function buildRequest(options: {
  model: string
  instructions: string
  temperature?: number | null
  thinking?: Thinking | null
  /** What is known of the model. */
  facts?: ModelFacts | null
  steps: readonly Step[]
  /** Messages that are further back than the steps. */
  before?: number
  kept: string
}): ModelRequest {
  const { facts = null, temperature = null, thinking = null, before = 0 } = options
  const spoken = options.steps.filter((step) => step.kind !== 'note' && !step.deleted && step.text !== '')
  const several = new Set(spoken.filter((step) => step.kind === 'prompt').map((step) => step.author)).size > 1
  const turns: Turn[] = spoken.map((step) =>
    step.kind === 'reply'
      ? { role: 'model', text: step.text }
      : { role: 'user', text: several ? `${step.author}: ${step.text}` : step.text },
  )
  const fit = fitting(turns, options.kept.length + options.instructions.length, unitsFor(facts))
  return {
    model: options.model,
    temperature:
      facts?.maxTemperature === null || temperature === null ? null : Math.min(temperature, facts?.maxTemperature ?? temperature),
    thinking: facts?.thinking === false ? null : thinking,
    thinks: facts?.thinking === true,
    instructions: [options.instructions, several ? SEVERAL_PEOPLE : ''].filter((part) => part !== '').join('\n\n'),
    turns: joined(fit),
    kept: options.kept,
    omitted: before + turns.length - fit.length,
  }
}

/** Whether a path was read to its root: it ends earlier only at one of the bounds. */
export function isWhole(steps: readonly Step[]): boolean {
  return steps.length < CONTEXT_STEPS && steps.reduce((units, { text }) => units + text.length, 0) <= CONTEXT_UNITS
}

/** What a request and so many units of answer may cost, where nobody has counted. */
export function estimate({ instructions, turns, kept }: ModelRequest, saidUnits: number): Usage {
  const asked = turns.reduce((units, turn) => units + turn.text.length, instructions.length + kept.length)
  const prompt = Math.ceil(asked / UNITS_PER_TOKEN)
  const output = Math.ceil(saidUnits / UNITS_PER_TOKEN)
  return { prompt, output, thoughts: 0, total: prompt + output }
}

/** What a request to a model may carry: a part of what it takes, for a token of some scripts is worth less than was thought. */
function unitsFor(facts: ModelFacts | null): number {
  return Math.min(CONTEXT_UNITS, (facts?.inputTokens ?? CONTEXT_UNITS) * UNITS_PER_SCARCE_TOKEN)
}

/** The newest turns that fit the budget, beginning with a user's; the last one is always among them. */
function fitting(turns: readonly Turn[], takenUnits: number, mostUnits: number): readonly Turn[] {
  let units = takenUnits
  let from = turns.length
  while (from > 0) {
    units += turns[from - 1]?.text.length ?? 0
    if (units > mostUnits && from < turns.length) break
    from--
  }
  while (from < turns.length - 1 && turns[from]?.role === 'model') from++
  return turns.slice(from)
}

/** Neighbours of one role as one turn: providers expect the roles to alternate. */
function joined(turns: readonly Turn[]): Turn[] {
  const result: Turn[] = []
  for (const turn of turns) {
    const last = result.at(-1)
    if (last?.role === turn.role) result[result.length - 1] = { role: turn.role, text: `${last.text}\n\n${turn.text}` }
    else result.push(turn)
  }
  return result
}
