import { describe, expect, test } from 'bun:test'
import type { Failure } from '#contract'
import { ModelError, type ModelEvent, type ModelRequest } from '../../server/replies/model.ts'
import { patient, waitAfter } from '../../server/replies/patience.ts'

const request: ModelRequest = {
  model: 'm',
  instructions: '',
  temperature: null,
  thinking: null,
  thinks: false,
  omitted: 0,
  turns: [{ role: 'user', text: 'Hello' }],
  kept: '',
}
const word: ModelEvent = { type: 'text', text: 'word' }
const end: ModelEvent = { type: 'finish', truncated: false }
const refused: Failure = { code: 'unavailable', status: 503 }
const soon: Failure = { code: 'rate_limited', retryAfterMs: 1 }

/** A model that gives the next of these at every call; a failure among the events is thrown there. */
function scripted(...calls: (ModelEvent | Failure)[][]) {
  let open = 0
  let most = 0
  let asked = 0
  const model = {
    async *stream(): AsyncGenerator<ModelEvent, void, void> {
      most = Math.max(most, ++open)
      try {
        for (const event of calls[asked++] ?? []) {
          if ('code' in event) throw new ModelError(event)
          yield event
        }
      } finally {
        open--
      }
    },
  }
  return { model, asked: () => asked, most: () => most }
}

async function outcome(calls: (ModelEvent | Failure)[][], signal = new AbortController().signal) {
  const { model, asked, most } = scripted(...calls)
  const waits: Failure[] = []
  const events: ModelEvent[] = []
  let failure: unknown = null
  try {
    const onRefused = (why: Failure) => waits.push(why)
    for await (const event of patient(model, { onRefused, onAgain: () => {}, notBefore: null, random: () => 0 }).stream(request, signal))
      events.push(event)
  } catch (error) {
    failure = error instanceof ModelError ? error.failure : error
  }
  return { events, failure, waits, asked: asked(), most: most() }
}

describe('a model that refuses before its first word', () => {
  test('is asked again, one call at a time', async () => {
    expect(await outcome([[soon], [soon], [word, end]])).toEqual({
      events: [word, end],
      failure: null,
      waits: [soon, soon],
      asked: 3,
      most: 1,
    })
  })

  test('is asked three times and no more', async () => {
    expect(await outcome([[soon], [soon], [soon], [word, end]])).toMatchObject({ events: [], failure: soon, asked: 3 })
  })

  test('is not asked again once it has said anything, a thought included', async () => {
    for (const said of [word, { type: 'thought', text: 'hm' } as const]) {
      expect(
        await outcome([
          [said, soon],
          [word, end],
        ]),
      ).toMatchObject({ events: [said], failure: soon, waits: [], asked: 1 })
    }
  })

  test('is not asked again when the wait is ended', async () => {
    const stop = new AbortController()
    const { model, asked } = scripted([{ code: 'rate_limited', retryAfterMs: 50_000 }], [word, end])
    const onRefused = () => stop.abort(new Error('stopped'))
    const stream = patient(model, { onRefused, onAgain: () => {}, notBefore: null }).stream(request, stop.signal)
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow('stopped')
    expect(asked()).toBe(1)
  })

  test('is asked only when the wait of an earlier server is over, and not at all when that is not to be', async () => {
    const notBefore = new Date(Date.now() + 100)
    const { model, asked } = scripted([word, end], [word, end])
    const askedAt: number[] = []
    const onAgain = () => void askedAt.push(asked())
    for await (const _ of patient(model, { onRefused: () => {}, onAgain, notBefore }).stream(request, new AbortController().signal)) {
      expect(Date.now()).toBeGreaterThanOrEqual(notBefore.getTime() - 1)
    }
    expect([askedAt, asked()]).toEqual([[0], 1])
    const full = () => {
      throw new Error('no space left')
    }
    const stream = patient(model, { onRefused: () => {}, onAgain: full, notBefore }).stream(request, new AbortController().signal)
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow('no space left')
    expect(asked()).toBe(1)
  })

  test('is ended with its stream when nobody listens any more', async () => {
    let ended = false
    const model = {
      async *stream(): AsyncGenerator<ModelEvent, void, void> {
        try {
          yield word
          yield word
        } finally {
          ended = true
        }
      },
    }
    for await (const event of patient(model, { onRefused: () => {}, onAgain: () => {}, notBefore: null }).stream(
      request,
      new AbortController().signal,
    )) {
      expect(event).toEqual(word)
      break
    }
    expect(ended).toBe(true)
  })
})

describe('the wait', () => {
  test('is what the provider asks for, up to a minute', () => {
    expect(waitAfter({ code: 'rate_limited', retryAfterMs: 31_000 }, 1)).toBe(31_000)
    expect(waitAfter({ code: 'rate_limited', retryAfterMs: 60_000 }, 2)).toBe(60_000)
    expect(waitAfter({ code: 'rate_limited', retryAfterMs: 60_001 }, 1)).toBeNull()
  })

  test('grows where the provider does not say', () => {
    expect([1, 2, 3].map((refusals) => waitAfter(refused, refusals))).toEqual([1_000, 4_000, null])
    expect([1, 2, 3].map((refusals) => waitAfter({ code: 'rate_limited', retryAfterMs: null }, refusals))).toEqual([4_000, 16_000, null])
  })

  test('does not happen where asking again is no help, or may be a second answer', () => {
    const final: Failure[] = [
      { code: 'unavailable', status: null },
      { code: 'quota_used_up', retryAfterMs: 1_000 },
      { code: 'key_refused' },
      { code: 'model_unknown', model: 'm' },
      { code: 'blocked', reason: 'SAFETY', prompt: true },
      { code: 'ended', reason: 'OTHER' },
      { code: 'request_refused', status: 400 },
      { code: 'silent', afterMs: 1 },
      { code: 'cut' },
      { code: 'restarted' },
      { code: 'internal' },
    ]
    for (const failure of final) expect([failure.code, waitAfter(failure, 1)]).toEqual([failure.code, null])
  })
})
