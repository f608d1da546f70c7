import { expect, test } from 'bun:test'
import { createDemo } from '../../server/replies/demo.ts'
import type { ModelEvent, ModelRequest, Turn } from '../../server/replies/model.ts'

const never = new AbortController().signal
const request = (...turns: Turn[]): ModelRequest => ({
  model: 'demo',
  instructions: '',
  temperature: null,
  thinking: null,
  thinks: false,
  omitted: 0,
  turns,
  kept: '',
})
const asked = (text: string) => request({ role: 'user', text })

async function events(from: ModelRequest): Promise<ModelEvent[]> {
  return await Array.fromAsync(createDemo({ chunkMs: 0 }).stream(from, never))
}

async function answer(from: ModelRequest): Promise<string> {
  return (await events(from)).map((event) => (event.type === 'text' ? event.text : '')).join('')
}

const opening = (text: string) => text.slice(0, text.indexOf('\n'))

test('the answer says that it is the demo, quotes the prompt and tells how to add a key', async () => {
  const text = await answer(asked('What is the capital of France?'))
  expect(text).toContain('built-in demo model')
  expect(text).toContain('\n> What is the capital of France?\n')
  expect(text).toContain("```sh\necho 'GEMINI_API_KEY=your-key' >> .env\nbun start\n```")
  expect(text.match(/^- /gm)).toHaveLength(3)
  const words = text.split(/\s+/).length
  expect(words).toBeGreaterThan(120)
  expect(words).toBeLessThan(250)
})

test('the answer opens differently for a greeting, code, a list and a question, and the same for the same prompt', async () => {
  const openings = await Promise.all(
    ['Hello!', 'Write a function', 'Give me five ideas', 'Why?', 'Rain today.'].map(async (text) => opening(await answer(asked(text)))),
  )
  expect(new Set(openings).size).toBe(5)
  expect(await answer(asked('Hello!'))).toBe(await answer(asked('Hello!')))
  for (const text of ['hi', 'Hey, you', '你好吗', 'नमस्ते!']) expect(opening(await answer(asked(text)))).toStartWith('Hello')
  expect(opening(await answer(asked('History is long')))).not.toStartWith('Hello')
})

test('a prompt is quoted as one line of plain text, without half characters', async () => {
  const text = await answer(asked('# *bold* <img src=x>\n```js\n[a](b)' + '\u{1F600}'.repeat(200)))
  const quote = text.split('\n').find((line) => line.startsWith('> ')) ?? ''
  expect(quote).toStartWith('> \\*bold\\* \\<img src=x\\> \\[a\\]\\(b\\)')
  expect(quote).toEndWith('…')
  expect(quote.length).toBeLessThan(250)
  expect(text.isWellFormed()).toBe(true)
})

test('a prompt in another script is told that the demo writes English', async () => {
  expect(await answer(asked('こんにちは、元気ですか?'))).toContain('I can only write English')
  expect(await answer(asked('Où est la gare?'))).not.toContain('I can only write English')
})

test('with several speakers the one who asked is addressed, and a colon alone makes nobody a speaker', async () => {
  const several = request({ role: 'user', text: 'Ada: hello' }, { role: 'model', text: 'Hi' }, { role: 'user', text: 'Bob: and what now?' })
  const text = await answer(several)
  expect(opening(text)).toContain(', Bob,')
  expect(text).toContain('\n> and what now?\n')
  expect(await answer(asked('Note: water the plants'))).toContain('\n> Note: water the plants\n')
})

test('the answer comes in small uneven pieces with believable usage, and ends', async () => {
  const all = await events(asked('Hello'))
  const pieces = all.flatMap((event) => (event.type === 'text' ? [event.text] : []))
  expect(pieces.length).toBeGreaterThan(50)
  for (const piece of pieces.slice(0, -1)) {
    expect(Array.from(piece).length).toBeGreaterThanOrEqual(3)
    expect(Array.from(piece).length).toBeLessThanOrEqual(20)
  }
  expect(new Set(pieces.map((piece) => piece.length)).size).toBeGreaterThan(5)
  const usage = all.findLast((event) => event.type === 'usage')
  const output = Math.ceil(pieces.join('').length / 4)
  expect(usage).toEqual({ type: 'usage', usage: { prompt: 2, output, thoughts: 0, total: output + 2 }, model: 'demo' })
  expect(all.at(-1)).toEqual({ type: 'finish', truncated: false })
})

test('an abort ends the answer at once with the reason', async () => {
  const stopping = new AbortController()
  const stream = createDemo({ chunkMs: 60_000 }).stream(asked('Hello'), stopping.signal)[Symbol.asyncIterator]()
  const first = stream.next().catch((error: unknown) => error)
  stopping.abort('stopped')
  expect(await first).toBe('stopped')
  const late = createDemo().stream(asked('Hello'), AbortSignal.abort('before'))[Symbol.asyncIterator]()
  expect(await late.next().catch((error: unknown) => error)).toBe('before')
})

test('a stopped answer goes on where it stopped, without a word about how', async () => {
  const whole = await answer(asked('Hello'))
  for (const kept of [whole.slice(0, 1), whole.slice(0, 333), whole.slice(0, -1)]) {
    expect(kept + (await answer({ ...asked('Hello'), kept }))).toBe(whole)
  }
  expect(await answer({ ...asked('Hello'), kept: 'Somebody else began.' })).toBe(`\n\n${whole}`)
})
