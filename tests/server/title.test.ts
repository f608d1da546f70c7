import { expect, test } from 'bun:test'
import { LIMITS } from '#contract'
import { createDemo } from '../../server/replies/demo.ts'
import { titleIn, titleRequest } from '../../server/replies/title.ts'

const shown = (said: string) => titleIn(said)

test('a title is what a model has said, on one line and without what it puts around it', () => {
  for (const said of [
    'Gardens in the shade',
    '"Gardens in the shade"',
    '“Gardens in the shade.”\n',
    '\n\n# Gardens in the shade\nand more',
    '**Gardens in the shade**',
    'Title: Gardens in the shade',
    '„Gardens in the shade“',
  ])
    expect(shown(said)).toBe('Gardens in the shade')
  expect(shown('«Rien de nouveau»')).toBe('Rien de nouveau')
  expect(shown('「庭の話」。')).toBe('庭の話')
  expect(shown('What is a "monad"? An answer')).toBe('What is a "monad"? An answer')
})

test('a title is never longer than it may be, holds nothing that cannot be seen, and may be none', () => {
  expect(shown('x'.repeat(500)).length).toBe(LIMITS.firstTitleLength)
  expect(shown('\u202Eright to left\0')).toBe('right to left\uFFFD')
  for (const said of ['', ' \n \n', '""', '***', '\u200B']) expect(shown(said)).toBe('')
})

test('a request for a title shows how the room begins, and no more than is needed', () => {
  const facts = {
    id: 'm',
    name: 'M',
    description: '',
    inputTokens: null,
    outputTokens: null,
    contextTokens: 100_000,
    temperature: null,
    maxTemperature: null,
  }
  const options = { model: 'm', prompt: 'p'.repeat(90_000), answer: 'a'.repeat(90_000) }
  const request = titleRequest({ ...options, facts: { ...facts, thinking: true } })
  expect(request.turns.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(5_000)
  expect(request.turns.map(({ role }) => role)).toEqual(['user', 'model', 'user'])
  expect(request.thinking).toBe('minimal')
  expect(titleRequest({ ...options, facts: { ...facts, thinking: false } }).thinking).toBeNull()
  expect(titleRequest({ ...options, facts: null }).thinking).toBeNull()
})

test.each([
  ['What is the **capital** of France? And why?', 'What is the capital of France'],
  ['Please tell me all that you know about the history of gardens', 'Please tell me all that you know…'],
  ['.env files', '.env files'],
  ['!!!', '!!!'],
])('the demo names a room by how it begins: %s', async (prompt, title) => {
  let said = ''
  const request = titleRequest({ model: 'demo', facts: null, prompt, answer: 'An answer.' })
  for await (const event of createDemo({ chunkMs: 0 }).stream(request, new AbortController().signal))
    if (event.type === 'text') said += event.text
  expect(titleIn(said)).toBe(title)
})
