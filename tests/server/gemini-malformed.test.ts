import { expect, test } from 'bun:test'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import fc from 'fast-check'
import { Failure } from '../../server/contract/records.ts'
import { createGemini } from '../../server/replies/gemini.ts'
import { ModelError } from '../../server/replies/model.ts'
import { startEmulator } from '../support/emulator.ts'

const BODIES = 2_000
const AT_ONCE = 20
const MODEL = 'gemini-flash-latest'
const isFailure = TypeCompiler.Compile(Failure)

/** A chunk of an answer with something in it that is not as it should be. */
const anything = fc.jsonValue({ maxDepth: 3 })
const or = <T>(proper: fc.Arbitrary<T>) => fc.oneof({ weight: 9, arbitrary: proper }, { weight: 1, arbitrary: anything })
const maybe = <T>(proper: fc.Arbitrary<T>) => fc.option(or(proper), { nil: undefined, freq: 4 })
const part = fc.record({ text: maybe(fc.string({ unit: 'binary' })), thought: maybe(fc.boolean()), functionCall: maybe(fc.object()) })
const candidate = fc.record({
  index: maybe(fc.integer({ min: -1, max: 2 })),
  content: maybe(fc.record({ parts: maybe(fc.array(or(part), { maxLength: 4 })), role: maybe(fc.string()) })),
  finishReason: maybe(
    fc.constantFrom('STOP', 'MAX_TOKENS', 'SAFETY', 'FINISH_REASON_UNSPECIFIED', '', 'a sentence, not a name', 'X'.repeat(500)),
  ),
  citationMetadata: maybe(fc.object()),
})
const count = or(fc.oneof(fc.integer(), fc.double(), fc.constant(1e300)))
const chunk = fc.record({
  candidates: maybe(fc.array(or(candidate), { maxLength: 3 })),
  usageMetadata: maybe(
    fc.record({ promptTokenCount: count, candidatesTokenCount: count, thoughtsTokenCount: count, totalTokenCount: count }),
  ),
  promptFeedback: maybe(fc.record({ blockReason: maybe(fc.constantFrom('SAFETY', 'OTHER', 'lower case')) })),
  error: fc.oneof(
    { weight: 15, arbitrary: fc.constant(undefined) },
    {
      weight: 1,
      arbitrary: fc.record({
        code: count,
        message: maybe(fc.string()),
        status: maybe(fc.string()),
        details: maybe(fc.array(or(fc.object()))),
      }),
    },
  ),
  modelVersion: maybe(fc.string({ maxLength: 300 })),
})
const json = fc.oneof({ weight: 6, arbitrary: chunk }, { weight: 1, arbitrary: anything }).map((value) => JSON.stringify(value))
const torn = fc
  .tuple(json, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([text, share]) => text.slice(0, Math.floor(text.length * share)))

/** A piece of a body: an event, most often one that somebody got wrong; or bytes of any kind. */
const end = fc.constantFrom('\r\n\r\n', '\n\n', '\r\r', '\n', '\r\n', '')
const piece: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 20, arbitrary: json.map((text) => new Uint8Array(Buffer.from(`data: ${text}\r\n\r\n`))) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          'data: ',
          'data:',
          'data',
          'DATA: ',
          ' data: ',
          '\uFEFFdata: ',
          'event: error\ndata: ',
          ': comment\ndata: ',
          'id: 1\n',
          '',
        ),
        fc.oneof(json, json, torn),
        end,
      )
      .map((texts) => new Uint8Array(Buffer.from(texts.join('')))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }).map((text) => new Uint8Array(Buffer.from(text))) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(Buffer.from(`data: "${'x'.repeat(100_000)}`))) },
)
const body = fc.record({
  pieces: fc.array(piece, { maxLength: 6 }),
  sliceBytes: fc.constantFrom(0, 0, 0, 0, 1, 7),
  how: fc.constantFrom(...Array<'end'>(12).fill('end'), 'cut', 'reset', 'stall'),
})

test(`${BODIES} malformed answers each end in time with a reason that has a name, and leave nothing behind`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  const bodies = fc.sample(body, { numRuns: BODIES, seed })
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  const emulator = await startEmulator()
  const model = createGemini({ apiKey: 'emulator', model: MODEL, baseUrl: emulator.url, firstByteMs: 400, idleMs: 200 })

  const ask = async (text: string) => {
    let finished = false
    try {
      for await (const event of model.stream(
        {
          model: MODEL,
          instructions: '',
          temperature: null,
          thinking: null,
          thinks: false,
          omitted: 0,
          turns: [{ role: 'user', text }],
          kept: '',
        },
        new AbortController().signal,
      )) {
        expect(finished).toBe(false)
        if (event.type === 'finish') finished = true
      }
    } catch (error) {
      // Whatever else is thrown fails the test.
      if (!(error instanceof ModelError)) throw error
      expect([error.failure, isFailure.Check(error.failure)]).toEqual([error.failure, true])
      expect(error.failure.code).not.toBe('internal')
      return error.failure.code
    }
    expect(finished).toBe(true)
    return 'answered'
  }

  const outcomes = new Map<string, number>()
  const longest = { ms: 0 }
  let early = 0
  try {
    for (let from = 0; from < BODIES; from += AT_ONCE) {
      await Promise.all(
        bodies.slice(from, from + AT_ONCE).map(async ({ pieces, sliceBytes, how }) => {
          emulator.script.push(async ({ wire, gone }) => {
            for (const bytes of pieces) {
              const size = sliceBytes === 0 || bytes.length > 5_000 ? Math.max(1, bytes.length) : sliceBytes
              for (let at = 0; at < bytes.length; at += size) await wire.raw(bytes.subarray(at, at + size))
            }
            if (how === 'stall') {
              wire.open()
              await new Promise((resolve) => gone.addEventListener('abort', resolve, { once: true }))
            } else await wire[how]()
          })
          const start = performance.now()
          const outcome = await ask('malformed')
          longest.ms = Math.max(longest.ms, performance.now() - start)
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        }),
      )
      if (from === BODIES / 4) early = memoryMb()
    }
    const grown = memoryMb() - early
    console.log(`${JSON.stringify(Object.fromEntries(outcomes))}, longest ${Math.round(longest.ms)} ms, memory +${grown.toFixed(0)} MB`)
    expect(unhandled).toEqual([])
    expect(longest.ms).toBeLessThan(5_000)
    expect(grown).toBeLessThan(64)
    // The bodies are worth something only when they go wrong in many ways.
    expect(outcomes.size).toBeGreaterThan(4)
    expect(await ask('and then a proper one [[every=1]]')).toBe('answered')
  } finally {
    await emulator.stop()
    process.off('unhandledRejection', onUnhandled)
  }
}, 120_000)

function memoryMb(): number {
  Bun.gc(true)
  return process.memoryUsage().rss / 1024 / 1024
}
