import { expect, test } from 'bun:test'
import { type Failure, newId, type Thoughts } from '#contract'
import type { Journal } from '../../server/replies/journal.ts'
import { type Model, ModelError, type ModelEvent } from '../../server/replies/model.ts'
import { followAnswer, type StopReason } from '../../server/replies/run.ts'

const usage = { prompt: 5, output: 3, thoughts: 1, total: 8 }
const by = { id: newId(), name: 'Mara' }

function scripted(script: (signal: AbortSignal) => AsyncGenerator<ModelEvent>): Model {
  return { name: 'scripted', speaker: 'Scripted', demo: false, list: async () => [], stream: (_request, signal) => script(signal) }
}

async function follow(
  model: Model,
  options: {
    kept?: number
    thought?: Thoughts
    stop?: AbortController
    journal?: Partial<Pick<Journal, 'append' | 'asked'>>
    text?: string
  } = {},
) {
  const seen: string[] = []
  const bugs: unknown[] = []
  const journal: Pick<Journal, 'append' | 'thought' | 'used' | 'asked'> = {
    asked: true,
    thought: ({ text }) => seen.push(`thought ${text}`),
    append: (text) => seen.push(`journal ${text}`),
    used: ({ usage: { total } }) => seen.push(`used ${total}`),
    ...options.journal,
  }
  const ending = await followAnswer({
    model,
    request: {
      model: 'm',
      instructions: '',
      temperature: null,
      thinking: null,
      thinks: false,
      omitted: 0,
      turns: [{ role: 'user', text: options.text ?? '' }],
      kept: '',
    },
    journal,
    kept: options.kept ?? 0,
    thought: options.thought ?? null,
    show: (text) => seen.push(`show ${text}`),
    showThought: (text) => seen.push(`show thought ${text}`),
    stopped: (options.stop ?? new AbortController()).signal,
    onBug: (error) => bugs.push(error),
  })
  return { ending, seen, bugs }
}

test('every piece is in the journal before anybody sees it', async () => {
  const { seen, ending } = await follow(
    scripted(async function* () {
      yield { type: 'thought', text: 'hm' }
      yield { type: 'text', text: 'one ' }
      yield { type: 'text', text: 'two' }
      yield { type: 'usage', usage, model: 'gemini-x' }
      yield { type: 'finish', truncated: false }
    }),
  )
  expect(seen).toEqual(['used 0', 'thought hm', 'show thought hm', 'journal one ', 'show one ', 'journal two', 'show two', 'used 8'])
  expect(ending).toEqual({
    state: 'complete',
    failure: null,
    truncated: false,
    stoppedBy: null,
    usage,
    model: 'gemini-x',
    thoughts: { text: 'hm', ms: expect.any(Number) },
    omitted: 0,
  })
})

test('what it thinks comes behind what it thought before, whole where it came in halves, and is cut between characters', async () => {
  const model = scripted(async function* () {
    yield { type: 'thought', text: 'Again\uD83D' }
    yield { type: 'thought', text: '\uDE00 ' }
    yield { type: 'thought', text: 'a'.repeat(19_980) + '😀 and more' }
    yield { type: 'text', text: 'So.' }
    yield { type: 'finish', truncated: false }
  })
  const { ending, seen } = await follow(model, { thought: { text: 'At first…', ms: 1_000_000 } })
  expect(seen.slice(1, 5)).toEqual(['thought At first…\n\nAgain', 'show thought At first…\n\nAgain', 'thought 😀 ', 'show thought 😀 '])
  const { text, ms } = ending.thoughts ?? { text: '', ms: 0 }
  expect([text.length, text.isWellFormed(), text.endsWith('aaa'), ms >= 1_000_000]).toEqual([19_999, true, true, true])
})

test('a disk that refuses ends the reply without showing what was not kept', async () => {
  const { seen, ending, bugs } = await follow(
    scripted(async function* () {
      yield { type: 'text', text: 'lost' }
    }),
    {
      journal: {
        append() {
          throw new Error('ENOSPC')
        },
      },
    },
  )
  expect(seen).toEqual(['used 0'])
  expect(ending).toMatchObject({ state: 'failed', failure: { code: 'internal' } })
  expect(bugs).toHaveLength(1)
})

test('a stream that ends without saying so is interrupted when there is text, and failed when there is none', async () => {
  const cut = scripted(async function* () {
    yield { type: 'text', text: 'half' }
  })
  const nothing = scripted(async function* () {})
  expect((await follow(cut)).ending).toMatchObject({ state: 'interrupted', failure: { code: 'cut' } })
  expect((await follow(nothing)).ending).toMatchObject({ state: 'failed', failure: { code: 'cut' } })
  expect((await follow(nothing, { kept: 4 })).ending.state).toBe('interrupted')
})

test('a failure of the model is kept as it was named', async () => {
  const { ending } = await follow(
    scripted(async function* () {
      yield { type: 'text', text: 'some' }
      throw new ModelError({ code: 'blocked', reason: 'SAFETY', prompt: false })
    }),
  )
  expect(ending).toMatchObject({ state: 'failed', failure: { code: 'blocked', reason: 'SAFETY', prompt: false } })
})

test('a person who stops ends even a model that does not listen', async () => {
  const stop = new AbortController()
  const { ending, seen } = await follow(
    scripted(async function* () {
      yield { type: 'text', text: 'so far' }
      stop.abort({ kind: 'person', by } satisfies StopReason)
      await new Promise(() => {})
    }),
    { stop },
  )
  expect(ending).toMatchObject({ state: 'stopped', stoppedBy: by })
  expect(seen.at(-1)).toBe('show so far')
})

test('a server that stops leaves the reply interrupted', async () => {
  const stop = new AbortController()
  stop.abort({ kind: 'shutdown' } satisfies StopReason)
  const model = scripted(async function* () {
    yield { type: 'text', text: 'never asked' }
  })
  const { ending, seen } = await follow(model, { stop })
  expect(ending).toMatchObject({ state: 'interrupted', failure: { code: 'restarted' } })
  expect(seen).toEqual([])
})

test('an error that nobody foresaw is reported and still ends the reply', async () => {
  const { ending, bugs } = await follow(
    scripted(async function* () {
      throw new TypeError('a bug')
    }),
  )
  expect(ending).toMatchObject({ state: 'failed', failure: { code: 'internal' } })
  expect(bugs).toHaveLength(1)
})

test('a call that ends before the provider has counted anything is worth its prompt and what was said; a refusal is worth nothing', async () => {
  const text = 'x'.repeat(401)
  const estimated = { prompt: 101, output: 0, thoughts: 0, total: 101 }
  const failing = (failure: Failure, ...events: ModelEvent[]) =>
    scripted(async function* () {
      yield* events
      throw new ModelError(failure)
    })
  const cost = async (model: Model, options: Parameters<typeof follow>[1] = {}) => (await follow(model, { text, ...options })).ending.usage
  const lost: Failure[] = [{ code: 'silent', afterMs: 1_000 }, { code: 'cut' }]
  for (const failure of lost) expect(await cost(failing(failure))).toEqual(estimated)
  const stopping = (reason: StopReason) => {
    const stop = new AbortController()
    const model = scripted(async function* () {
      stop.abort(reason)
      await new Promise(() => {})
    })
    return [model, { stop }] as const
  }
  expect(await cost(...stopping({ kind: 'person', by }))).toEqual(estimated)
  expect(await cost(...stopping({ kind: 'shutdown' }))).toEqual(estimated)
  const thought: ModelEvent = { type: 'thought', text: 'hm' }
  expect(await cost(failing({ code: 'unavailable', status: 503 }, thought))).toEqual(estimated)
  const said: ModelEvent = { type: 'text', text: 'twelve units' }
  expect(await cost(failing({ code: 'cut' }, said))).toEqual({ prompt: 101, output: 3, thoughts: 0, total: 104 })
  expect(await cost(failing({ code: 'cut' }, said, { type: 'usage', usage, model: null }))).toEqual(usage)
  const refusals: Failure[] = [
    { code: 'rate_limited', retryAfterMs: null },
    { code: 'unavailable', status: 503 },
    { code: 'unavailable', status: null },
    { code: 'key_refused' },
  ]
  for (const refusal of refusals) {
    expect(await cost(failing(refusal))).toBeNull()
    expect(await cost(failing(refusal), { kept: 7 })).toBeNull()
  }
  // Stopped while it waits to ask again.
  const [model, options] = stopping({ kind: 'person', by })
  expect(await cost(model, { ...options, journal: { asked: false } })).toBeNull()
  // Killed: the estimate is in the journal before the model is asked.
  expect((await follow(failing({ code: 'key_refused' }), { text })).seen).toEqual(['used 101'])
})
