import { expect, test } from 'bun:test'
import { newId } from '#contract'
import type { Journal } from '../../server/replies/journal.ts'
import { type Model, ModelError, type ModelEvent } from '../../server/replies/model.ts'
import { followAnswer, type StopReason } from '../../server/replies/run.ts'

const usage = { prompt: 5, output: 3, thoughts: 1, total: 8 }
const by = { id: newId(), name: 'Mara' }

function scripted(script: (signal: AbortSignal) => AsyncGenerator<ModelEvent>): Model {
  return { name: 'scripted', speaker: 'Scripted', demo: false, stream: (_request, signal) => script(signal) }
}

async function follow(model: Model, options: { kept?: number; stop?: AbortController; journal?: Pick<Journal, 'append'> } = {}) {
  const seen: string[] = []
  const bugs: unknown[] = []
  const journal: Pick<Journal, 'append' | 'used'> = {
    append: (text) => seen.push(`journal ${text}`),
    used: ({ usage: { total } }) => seen.push(`used ${total}`),
    ...options.journal,
  }
  const ending = await followAnswer({
    model,
    request: { model: 'm', instructions: '', turns: [], kept: '' },
    journal,
    kept: options.kept ?? 0,
    show: (text) => seen.push(`show ${text}`),
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
  expect(seen).toEqual(['journal one ', 'show one ', 'journal two', 'show two', 'used 8'])
  expect(ending).toEqual({ state: 'complete', failure: null, truncated: false, stoppedBy: null, usage, model: 'gemini-x' })
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
  expect(seen).toEqual([])
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
