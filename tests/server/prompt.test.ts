import { expect, test } from 'bun:test'
import type { Step } from '../../server/database/messages.ts'
import { buildRequest } from '../../server/replies/prompt.ts'

const prompt = (author: string, text: string): Step => ({ kind: 'prompt', author, text, deleted: false })
const reply = (text: string): Step => ({ kind: 'reply', author: null, text, deleted: false })
const ask = (steps: Step[], kept = '') => buildRequest({ model: 'm', instructions: 'Be brief.', steps, kept })

test('one person talks to the model without a name in front', () => {
  expect(ask([prompt('Sana', 'Hello'), reply('Hi'), prompt('Sana', 'Which index?')])).toEqual({
    model: 'm',
    instructions: 'Be brief.',
    turns: [
      { role: 'user', text: 'Hello' },
      { role: 'model', text: 'Hi' },
      { role: 'user', text: 'Which index?' },
    ],
    kept: '',
    temperature: null,
    thinking: null,
    thinks: false,
    omitted: 0,
  })
})

test('several people are told apart by their names', () => {
  const { turns, instructions } = ask([prompt('Sana', 'Hello'), reply('Hi'), prompt('Mara', 'And soft deletes?')])
  expect(turns.map(({ text }) => text)).toEqual(['Sana: Hello', 'Hi', 'Mara: And soft deletes?'])
  expect(instructions).toStartWith('Be brief.\n\nSeveral people')
})

test('notes, removed messages and empty replies are never sent', () => {
  const steps: Step[] = [
    prompt('Sana', 'one'),
    { kind: 'note', author: 'Mara', text: 'for people only', deleted: false },
    { kind: 'prompt', author: 'Sana', text: 'removed', deleted: true },
    reply(''),
    prompt('Sana', 'two'),
  ]
  expect(ask(steps).turns).toEqual([{ role: 'user', text: 'one\n\ntwo' }])
})

test('a reply that goes on brings its own words beside the turns', () => {
  expect(ask([prompt('Sana', 'Count')], 'one two')).toMatchObject({ turns: [{ role: 'user', text: 'Count' }], kept: 'one two' })
})

test('a talk that is too long loses its oldest turns, begins with a person and keeps the last prompt', () => {
  const steps: Step[] = []
  for (let index = 0; index < 40; index++) steps.push(prompt('Sana', `${index} `.padEnd(20_000, 'p')), reply('r'.repeat(20_000)))
  steps.push(prompt('Sana', 'the last one'))
  const { turns, omitted } = ask(steps)
  expect(omitted).toBe(81 - turns.length)
  expect(omitted).toBeGreaterThan(40)
  expect(turns.at(-1)?.text).toBe('the last one')
  expect(turns[0]?.role).toBe('user')
  const units = turns.reduce((sum, { text }) => sum + text.length, 0)
  expect(units).toBeLessThanOrEqual(600_000)
  expect(units).toBeGreaterThan(550_000)
})

test('a smaller model is asked less, and is not given what it cannot do', () => {
  const facts = {
    id: 'm',
    name: 'M',
    description: '',
    inputTokens: 1_000,
    outputTokens: 100,
    thinking: false,
    temperature: 1,
    maxTemperature: 1,
  }
  const steps = [prompt('Sana', 'a'.repeat(1_500)), reply('b'.repeat(400)), prompt('Sana', 'last')]
  const request = buildRequest({ model: 'm', instructions: 'i'.repeat(200), temperature: 1.7, thinking: 'high', facts, steps, kept: '' })
  expect(request).toMatchObject({
    turns: [{ role: 'user', text: 'last' }],
    omitted: 2,
    temperature: 1,
    thinking: null,
    thinks: false,
  })
  expect(buildRequest({ model: 'm', instructions: '', facts, steps, kept: '' })).toMatchObject({ omitted: 0 })
  expect(
    buildRequest({ model: 'm', instructions: '', facts: { ...facts, maxTemperature: null }, temperature: 1, steps, kept: '' }).temperature,
  ).toBeNull()
})

test('a single prompt beyond the budget is still asked', () => {
  expect(ask([reply('old'), prompt('Sana', 'x'.repeat(700_000))]).turns).toHaveLength(1)
})
