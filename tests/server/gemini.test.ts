import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import type { Failure, Usage } from '../../server/contract/index.ts'
import { createGemini } from '../../server/replies/gemini.ts'
import { ModelError, type ModelEvent, type Turn } from '../../server/replies/model.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { planOf } from '../support/emulator-plan.ts'

const MODEL = 'gemini-flash-latest'
const KEY = 'not-to-be-told-to-anybody'
const never = new AbortController().signal

let emulator: Emulator
const unhandled: unknown[] = []
const onUnhandled = (reason: unknown) => void unhandled.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled)
  emulator = await startEmulator()
})
afterEach(async () => {
  // Rejections are reported after the microtasks of the turn in which they happened.
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})
afterAll(async () => {
  await emulator.stop()
  process.off('unhandledRejection', onUnhandled)
})

type Outcome = {
  text: string
  thoughts: string
  pieces: string[]
  usage: Usage | null
  answeredBy: string | null
  truncated: boolean | null
  failure: Failure | null
}

type Options = {
  model?: string
  apiKey?: string
  baseUrl?: string
  instructions?: string
  turns?: Turn[]
  kept?: string
  signal?: AbortSignal
  firstByteMs?: number
  idleMs?: number
}

function ask(prompt: string, options: Options = {}): AsyncIterable<ModelEvent> {
  const {
    apiKey = KEY,
    baseUrl = emulator.url,
    instructions = '',
    turns = [{ role: 'user', text: prompt }],
    signal = never,
    firstByteMs,
    idleMs,
  } = options
  const model = createGemini({ apiKey, model: MODEL, baseUrl, ...(firstByteMs && { firstByteMs }), ...(idleMs && { idleMs }) })
  return model.stream(
    {
      model: options.model ?? MODEL,
      instructions,
      temperature: null,
      thinking: null,
      thinks: false,
      omitted: 0,
      turns,
      kept: options.kept ?? '',
    },
    signal,
  )
}

async function outcome(prompt: string, options: Options = {}): Promise<Outcome> {
  const result: Outcome = { text: '', thoughts: '', pieces: [], usage: null, answeredBy: null, truncated: null, failure: null }
  try {
    for await (const event of ask(prompt, options)) {
      switch (event.type) {
        case 'text':
          result.text += event.text
          result.pieces.push(event.text)
          break
        case 'thought':
          result.thoughts += event.text
          break
        case 'usage':
          result.usage = event.usage
          result.answeredBy = event.model
          break
        case 'finish':
          result.truncated = event.truncated
          break
      }
    }
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    expect(Bun.inspect(error)).not.toContain(KEY)
    result.failure = error.failure
  }
  return result
}

const planned = (prompt: string) => planOf(prompt, MODEL, 1).pieces.join('')
const asked = (prompt: string) => emulator.requests.filter((request) => request.prompt === prompt).length

test('an answer arrives whole, with its usage and the model that gave it', async () => {
  const prompt = 'Tell me about rooms [[every=1]]'
  const result = await outcome(prompt)
  expect(result).toMatchObject({ text: planned(prompt), thoughts: '', truncated: false, failure: null, answeredBy: 'gemini-3.5-flash' })
  expect(result.pieces.length).toBeGreaterThan(5)
  expect(result.usage).toMatchObject({ prompt: 8, thoughts: 0 })
  expect(result.usage?.total).toBe(8 + (result.usage?.output ?? 0))
  expect(asked(prompt)).toBe(1)
})

test('an answer that goes on is sent with its own words, and asked for the next one', async () => {
  await outcome('Count [[every=1]]', { kept: 'one two' })
  const body = JSON.stringify(emulator.requests.at(-1)?.body)
  expect(body).toContain('{"role":"model","parts":[{"text":"one two"}]},{"role":"user","parts":[{"text":"Your answer was cut off.')
})

test('the talk is sent as it is, and instructions only when there are any', async () => {
  const turns: Turn[] = [
    { role: 'user', text: 'first <b>&</b> \u2028' },
    { role: 'model', text: 'second' },
    { role: 'user', text: 'third [[every=1]]' },
  ]
  await outcome('', { turns, instructions: 'Be brief.' })
  const request = emulator.requests.at(-1)
  expect(request).toMatchObject({
    method: 'POST',
    path: `/v1beta/models/${MODEL}:streamGenerateContent`,
    query: { alt: 'sse' },
    key: KEY,
    body: {
      contents: [
        { role: 'user', parts: [{ text: 'first <b>&</b> \u2028' }] },
        { role: 'model', parts: [{ text: 'second' }] },
        { role: 'user', parts: [{ text: 'third [[every=1]]' }] },
      ],
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
    },
  })
  await outcome('fourth [[every=1]]')
  expect(emulator.requests.at(-1)?.rawBody).not.toContain('systemInstruction')
})

test('the room may name a model, and the endpoint may have a path', async () => {
  const result = await outcome('Hello [[every=1]]', { model: 'models/gemini-3.8-flash', baseUrl: `${emulator.url}/some/proxy` })
  expect(result.answeredBy).toBe('gemini-3.8-flash')
  expect(emulator.requests.at(-1)?.path).toBe('/some/proxy/v1beta/models/gemini-3.8-flash:streamGenerateContent')
})

test('a name that would lead elsewhere on the host is not asked for', async () => {
  const before = emulator.requests.length
  for (const model of ['../../v1/files?x=', 'models/../files', 'a b', 'gemini%2f', 'x'.repeat(200)]) {
    expect((await outcome('Hello', { model })).failure).toEqual({ code: 'model_unknown', model })
  }
  expect(emulator.requests.length).toBe(before)
})

for (const word of ['code', 'cjk', 'emoji', 'rtl', 'list', 'spaces']) {
  test(`a text of the kind "${word}" arrives to the last character, also when its bytes are torn apart`, async () => {
    for (const prompt of [`[[${word} every=1]]`, `[[${word} every=1 bytes size=5]]`]) {
      expect(await outcome(prompt)).toMatchObject({ text: planned(prompt), failure: null })
    }
  })
}

test('halves of surrogate pairs are passed on as they came', async () => {
  const prompt = '[[surrogates every=1]]'
  const result = await outcome(prompt)
  expect(result.pieces).toEqual([...planOf(prompt, MODEL, 1).pieces])
  expect(result.pieces.some((piece) => !piece.isWellFormed())).toBe(true)
  expect(result.text.isWellFormed()).toBe(true)
})

test('thoughts come apart from the answer and count as output', async () => {
  const prompt = 'Think [[thoughts every=1]]'
  const result = await outcome(prompt)
  expect(result.text).toBe(planned(prompt))
  expect(result.thoughts).toStartWith('**Reading the question**')
  const { usage } = result
  expect(usage?.thoughts).toBeGreaterThan(10)
  expect(usage?.output).toBeGreaterThan(usage?.thoughts ?? 0)
  expect(usage?.total).toBe((usage?.prompt ?? 0) + (usage?.output ?? 0))
})

test('only the first candidate is shown, and kinds of parts that are not known are passed over', async () => {
  for (const prompt of ['[[two every=1]]', '[[parts every=1]]'])
    expect(await outcome(prompt)).toMatchObject({ text: planned(prompt), failure: null })
})

test('a finish reason with every chunk does not end the answer early', async () => {
  const prompt = '[[stops every=1]]'
  expect(await outcome(prompt)).toMatchObject({ text: planned(prompt), truncated: false, failure: null })
})

test('a very long answer arrives whole', async () => {
  const prompt = '[[long every=0]]'
  const result = await outcome(prompt)
  expect(result.text).toHaveLength(planned(prompt).length)
  expect(result.text).toBe(planned(prompt))
}, 20_000)

test('the length limit of the model is a truncated answer', async () => {
  const prompt = '[[max every=1]]'
  expect(await outcome(prompt)).toMatchObject({ text: planned(prompt), truncated: true, failure: null })
})

const failures: [word: string, failure: Failure][] = [
  ['blocked', { code: 'blocked', reason: 'PROHIBITED_CONTENT', prompt: true }],
  ['safety', { code: 'blocked', reason: 'SAFETY', prompt: false }],
  ['recitation', { code: 'blocked', reason: 'RECITATION', prompt: false }],
  ['language', { code: 'blocked', reason: 'LANGUAGE', prompt: false }],
  ['blocklist', { code: 'blocked', reason: 'BLOCKLIST', prompt: false }],
  ['prohibited', { code: 'blocked', reason: 'PROHIBITED_CONTENT', prompt: false }],
  ['spii', { code: 'blocked', reason: 'SPII', prompt: false }],
  ['other', { code: 'ended', reason: 'OTHER' }],
  ['malformed', { code: 'ended', reason: 'MALFORMED_FUNCTION_CALL' }],
  ['unknown', { code: 'ended', reason: 'A_REASON_OF_NEXT_YEAR' }],
  ['429', { code: 'rate_limited', retryAfterMs: 31_000 }],
  ['429-plain', { code: 'rate_limited', retryAfterMs: 12_500 }],
  ['429-day', { code: 'quota_used_up', retryAfterMs: 51_820_639 }],
  ['402', { code: 'quota_used_up', retryAfterMs: null }],
  ['400', { code: 'request_refused', status: 400 }],
  ['region', { code: 'request_refused', status: 400 }],
  ['401', { code: 'key_refused' }],
  ['403', { code: 'key_refused' }],
  ['404', { code: 'model_unknown', model: MODEL }],
  ['500', { code: 'unavailable', status: 500 }],
  ['503', { code: 'unavailable', status: 503 }],
  ['504', { code: 'unavailable', status: 504 }],
  ['html', { code: 'unavailable', status: 502 }],
  ['error', { code: 'unavailable', status: 503 }],
  ['error-429', { code: 'rate_limited', retryAfterMs: 31_000 }],
  ['cut', { code: 'cut' }],
  ['utf8', { code: 'cut' }],
  ['reset', { code: 'cut' }],
  ['end', { code: 'cut' }],
  ['reset-first', { code: 'unavailable', status: null }],
  ['cut-first', { code: 'unavailable', status: null }],
]

for (const [word, failure] of failures) {
  test(`[[${word}]] is the failure ${failure.code}, after one request and no wrong text`, async () => {
    const prompt = `Try [[${word} every=5]]`
    const result = await outcome(prompt)
    expect(result.failure).toEqual(failure)
    expect(result.truncated).toBeNull()
    // What broke off may have taken chunks with it that nobody had read; what was read is the beginning of what was said.
    expect(planned(prompt)).toStartWith(result.text)
    if (!['reset', 'cut', 'utf8'].includes(word)) expect(result.text).toBe(planned(prompt))
    expect(asked(prompt)).toBe(1)
  })
}

test('usage is known also when the answer was blocked', async () => {
  expect((await outcome('[[safety every=1]]')).usage?.output).toBeGreaterThan(0)
  expect((await outcome('[[blocked]]')).usage?.prompt).toBeGreaterThan(0)
})

test('a refusal is not retried: only the next call is answered', async () => {
  const prompt = 'Again [[503-once every=1]]'
  expect((await outcome(prompt)).failure).toEqual({ code: 'unavailable', status: 503 })
  expect((await outcome(prompt)).failure).toBeNull()
  expect(asked(prompt)).toBe(2)
})

test('a connection that was used before and breaks is not asked twice', async () => {
  for (const word of ['reset-first', 'cut-first', 'reset', 'cut']) {
    await outcome('Warm up [[every=0]]')
    const prompt = `Once [[${word} every=1]]`
    expect((await outcome(prompt)).failure).not.toBeNull()
    expect(asked(prompt)).toBe(1)
  }
})

test('a bad key is told apart, and one that cannot be a header is not sent', async () => {
  expect((await outcome('Hello', { apiKey: 'bad-key' })).failure).toEqual({ code: 'key_refused' })
  const before = emulator.requests.length
  expect((await outcome('Hello', { apiKey: 'a key with\na line' })).failure).toEqual({ code: 'key_refused' })
  expect(emulator.requests.length).toBe(before)
})

test('a model that the provider does not have is named', async () => {
  expect((await outcome('Hello', { model: 'gemini-1.0-gone' })).failure).toEqual({ code: 'model_unknown', model: 'gemini-1.0-gone' })
})

test('an endpoint that cannot be reached is unavailable', async () => {
  const gone = await startEmulator()
  await gone.stop()
  for (const baseUrl of [gone.url, 'http://nobody.invalid']) {
    expect((await outcome('Hello', { baseUrl })).failure).toEqual({ code: 'unavailable', status: null })
  }
}, 20_000)

test('an endpoint that answers with something else is unavailable', async () => {
  const page = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('<html>Please sign in to this network</html>') })
  const empty = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('data: null\r\n\r\n') })
  expect((await outcome('Hello', { baseUrl: page.url.origin })).failure).toEqual({ code: 'unavailable', status: null })
  expect((await outcome('Hello', { baseUrl: empty.url.origin })).failure).toEqual({ code: 'unavailable', status: null })
  await page.stop(true)
  await empty.stop(true)
})

test('chunks of any shape are read without a surprise', async () => {
  emulator.script.push(async (answer) => {
    await answer.chunk({ candidates: null, usageMetadata: null })
    await answer.chunk({ candidates: [null, 7, { index: 0, content: { parts: [null, { text: 7 }, { text: null }] } }], usageMetadata: 'x' })
    await answer.chunk({
      candidates: [{ content: { parts: [{ text: 'fine' }] } }],
      usageMetadata: { promptTokenCount: 'many', totalTokenCount: 1.5 },
      modelVersion: 7,
    })
    await answer.chunk({ candidates: [{ finishReason: 'FINISH_REASON_UNSPECIFIED' }], error: null, usageMetadata: [] })
    await answer.chunk({ candidates: [{ finishReason: 'a sentence by the provider' }], usageMetadata: 'none', modelVersion: '' })
    await answer.end()
  })
  expect(await outcome('Hello')).toMatchObject({
    text: 'fine',
    usage: { prompt: 0, output: 0, thoughts: 0, total: 0 },
    failure: { code: 'ended', reason: 'OTHER' },
  })
})

test('a connection that breaks after the finish reason leaves a whole answer', async () => {
  emulator.script.push(async (answer) => {
    await answer.chunk({ candidates: [{ content: { parts: [{ text: 'whole' }] }, finishReason: 'STOP', index: 0 }] })
    await answer.reset()
  })
  expect(await outcome('Hello')).toMatchObject({ text: 'whole', truncated: false, failure: null })
})

test('a stream that is left open after the finish reason ends the answer soon', async () => {
  emulator.script.push((answer) =>
    answer.chunk({ candidates: [{ content: { parts: [{ text: 'whole' }] }, finishReason: 'STOP', index: 0 }] }),
  )
  expect(await outcome('Open end', { idleMs: 50 })).toMatchObject({ text: 'whole', truncated: false, failure: null })
  await emulator.waitForDisconnect((request) => request.prompt === 'Open end')
})

test('silence before the first byte ends the request after the time that was set', async () => {
  const prompt = 'Anybody? [[silent]]'
  expect((await outcome(prompt, { firstByteMs: 60 })).failure).toEqual({ code: 'silent', afterMs: 60 })
  await emulator.waitForDisconnect((request) => request.prompt === prompt)
  expect(asked(prompt)).toBe(1)
})

test('a head without a body is silence before the first byte, too', async () => {
  emulator.script.push((answer) => answer.open())
  expect((await outcome('Head only', { firstByteMs: 60 })).failure).toEqual({ code: 'silent', afterMs: 60 })
  await emulator.waitForDisconnect((request) => request.prompt === 'Head only')
})

test('a stall in the middle keeps the text and ends the request', async () => {
  const prompt = 'And then? [[stall every=1]]'
  const result = await outcome(prompt, { idleMs: 60 })
  expect(result).toMatchObject({ text: planned(prompt), failure: { code: 'silent', afterMs: 60 } })
  await emulator.waitForDisconnect((request) => request.prompt === prompt)
})

test('an answer may take longer than either time as long as it goes on', async () => {
  const prompt = 'Steady [[chunks=50 every=10]]'
  expect(await outcome(prompt, { firstByteMs: 200, idleMs: 200 })).toMatchObject({ text: planned(prompt), failure: null })
})

test('a thought is a sign of life', async () => {
  const events = ask('Think first [[hand]]', { firstByteMs: 2_000, idleMs: 60 })[Symbol.asyncIterator]()
  const first = events.next()
  const answer = await emulator.next({ prompt: 'Think first' })
  await answer.thought('Hm.')
  expect(await first).toMatchObject({ value: { type: 'thought', text: 'Hm.' } })
  // From here on the short time counts, not the long one of the start.
  expect(await events.next()).toMatchObject({ value: { type: 'usage' } })
  expect(await events.next().catch((error: unknown) => error)).toMatchObject({ failure: { code: 'silent', afterMs: 60 } })
})

test('the time of a reader that is slow is not silence of the model', async () => {
  const events = ask('Slow reader [[hand]]', { idleMs: 80 })[Symbol.asyncIterator]()
  const first = events.next()
  const answer = await emulator.next({ prompt: 'Slow reader' })
  await answer.write('one ')
  expect(await first).toMatchObject({ value: { text: 'one ' } })
  const busyUntil = performance.now() + 200
  while (performance.now() < busyUntil) await new Promise((resolve) => setImmediate(resolve))
  await answer.write('two')
  await answer.finish()
  const rest: ModelEvent[] = []
  for await (const event of { [Symbol.asyncIterator]: () => events }) rest.push(event)
  expect(rest).toContainEqual({ type: 'text', text: 'two' })
  expect(rest.at(-1)).toEqual({ type: 'finish', truncated: false })
})

test('a chunk is passed on before the next one is written', async () => {
  const events = ask('Step by step [[hand]]')[Symbol.asyncIterator]()
  const first = events.next()
  const answer = await emulator.next({ prompt: 'Step by step' })
  await answer.write('a')
  expect(await first).toMatchObject({ value: { type: 'text', text: 'a' } })
  await events.next()
  const second = events.next()
  await answer.write('b')
  expect(await second).toMatchObject({ value: { type: 'text', text: 'b' } })
  await events.return?.()
  await emulator.waitForDisconnect((request) => request.prompt.includes('Step by step'))
})

test('an abort throws the reason at once and the provider sees the client go', async () => {
  for (const word of ['slow', 'silent', 'stall every=1']) {
    const prompt = `Stop me [[${word}]]`
    const reason = new Error('stopped by a person')
    const stopping = new AbortController()
    const result = outcome(prompt, { signal: stopping.signal })
    await emulator.waitForRequest((request) => request.prompt === prompt)
    const abortedAt = performance.now()
    stopping.abort(reason)
    expect(await result.catch((error: unknown) => error)).toBe(reason)
    // The slow answer takes five seconds, and nobody waits longer for the others.
    expect(performance.now() - abortedAt).toBeLessThan(3_000)
    await emulator.waitForDisconnect((request) => request.prompt === prompt)
  }
})

test('an abort while the reader is busy ends the request, too', async () => {
  const stopping = new AbortController()
  const events = ask('Busy reader [[slow]]', { signal: stopping.signal })[Symbol.asyncIterator]()
  await events.next()
  stopping.abort('enough')
  await emulator.waitForDisconnect((request) => request.prompt.startsWith('Busy reader'))
  // What came with the same chunk is not lost, but nothing is read any more.
  expect(await events.next()).toMatchObject({ value: { type: 'usage' } })
  expect(await events.next().catch((error: unknown) => error)).toBe('enough')
})

test('a signal that was aborted before asks for nothing', async () => {
  const events = ask('Never', { signal: AbortSignal.abort('too late') })[Symbol.asyncIterator]()
  expect(await events.next().catch((error: unknown) => error)).toBe('too late')
  await outcome('Afterwards [[every=0]]')
  expect(asked('Never')).toBe(0)
})

test('leaving the loop ends the request', async () => {
  const prompt = 'Leave early [[slow]]'
  for await (const event of ask(prompt)) if (event.type === 'text') break
  const request = await emulator.waitForDisconnect((entry) => entry.prompt === prompt)
  expect(request.sentChunks).toBeLessThan(4)
})

test('fifty answers at fifty chunks a second each come side by side', async () => {
  const prompts = Array.from({ length: 50 }, (_, index) => `Number ${index} [[chunks=50 every=20 seed=${index}]]`)
  const startedAt = performance.now()
  const results = await Promise.all(prompts.map((prompt) => outcome(prompt)))
  results.forEach((result, index) => expect(result.text).toBe(planned(prompts[index] ?? '')))
  // One after the other they take fifty seconds.
  expect(performance.now() - startedAt).toBeLessThan(25_000)
}, 60_000)
