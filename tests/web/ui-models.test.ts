import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LIMITS, type ModelFacts, type Reply, type ReplyState, together } from '#contract'
import { leftOut, whole } from '../../web/lib/amounts.ts'
import { fullness, roughly } from '../../web/lib/context.ts'
import { abilities, modelTitle } from '../../web/lib/model-words.ts'
import { lastHeading } from '../../web/lib/thinking.ts'
import { LiveThoughts, shownThoughts } from '../../web/store/live-thoughts.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { QUEUED } from '../support/queued-reply.ts'

const facts: ModelFacts = {
  id: 'm-1',
  name: 'M One',
  description: '',
  inputTokens: 1_048_576,
  outputTokens: 900,
  contextTokens: 1_000,
  thinking: true,
  temperature: 1,
  maxTemperature: 2,
}
const usage = (prompt: number, output: number, thoughts: number) => ({ prompt, output, thoughts, total: prompt + output })

test('the context is as full as what was read and answered, thoughts apart, of what is sent along', () => {
  expect(fullness({ usage: usage(400, 150, 50), omitted: 0 }, facts)).toEqual({ used: 500, most: 1_000, percent: 50, omitted: 0 })
})

test('a reply that was gone on with has cost all of its calls, and takes the place of the last one', () => {
  const twice = together(usage(400, 100, 50), usage(450, 150, 50))
  expect(twice).toMatchObject({ prompt: 850, output: 250, thoughts: 100, total: 1_100 })
  expect(fullness({ usage: twice, omitted: 0 }, facts)?.used).toBe(550)
  expect(fullness({ usage: together(twice, usage(600, 10, 10)), omitted: 0 }, facts)?.used).toBe(600)
})

test('the context is full when something was left out, and not before', () => {
  expect(fullness({ usage: usage(1_200, 0, 0), omitted: 0 }, facts)?.percent).toBe(99)
  expect(fullness({ usage: usage(700, 0, 0), omitted: 1 }, facts)?.percent).toBe(100)
})

test('what was left out is counted as far as the server counts, and no further', () => {
  expect(leftOut(1, 'message')).toBe('1 message')
  expect(leftOut(LIMITS.leftOut, 'message')).toBe(`${whole(LIMITS.leftOut)} messages`)
  expect(leftOut(LIMITS.leftOut + 1, 'message')).toBe(`more than ${whole(LIMITS.leftOut)} messages`)
})

test('of a reply that nobody counted, or a model that nobody knows, it is not said', () => {
  expect(fullness({ usage: null, omitted: 0 }, facts)).toBeNull()
  expect(fullness(null, facts)).toBeNull()
  expect(fullness({ usage: usage(1, 1, 0), omitted: 0 }, undefined)).toBeNull()
})

test('a model is called by its name and said to do what its provider says', () => {
  const list = { models: [facts], standard: 'm-1' }
  expect([modelTitle('m-1', list), modelTitle('gone', list), modelTitle('m-1', undefined)]).toEqual(['M One', 'gone', 'm-1'])
  expect(abilities(facts)).toEqual(['reads 1 M tokens', 'writes 900', 'thinks'])
  expect(abilities({ ...facts, inputTokens: null, outputTokens: 65_536, thinking: false })).toEqual(['writes 66 k'])
  expect(roughly(2_500_000)).toBe('2.5 M')
})

test('what the model is thinking about is its last heading', () => {
  expect(lastHeading('')).toBeNull()
  expect(lastHeading('Some **bold** words.')).toBeNull()
  expect(lastHeading('**One**\n\nText with **bold**.\n\n**Two things**\n\nMore')).toBe('Two things')
  expect(lastHeading('## A heading\n\nText')).toBe('A heading')
})

test('thoughts that come twice or overlapping are those that were thought', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 60 }), fc.array(fc.nat({ max: 9 }), { maxLength: 30 }), (whole, cuts) => {
      const live = new LiveThoughts(new FakeClock())
      let sent = 0
      for (const cut of [...cuts, 0]) {
        const from = Math.max(0, sent - cut)
        const to = cut === 0 ? whole.length : Math.min(whole.length, sent + 9 - cut)
        if (to > from) expect(live.append('r', from, whole.slice(from, to))).toBe('applied')
        sent = Math.max(sent, to)
      }
      expect(live.get('r')).toBe(whole)
    }),
  )
})

test('thoughts of which a piece is missing do not change until all of them come', () => {
  const live = new LiveThoughts(new FakeClock())
  live.append('r', 0, 'abc')
  expect(live.append('r', 4, 'e')).toBe('gap')
  expect(live.get('r')).toBe('abc')
  live.begin('r', 'abcde')
  expect(live.get('r')).toBe('abcde')
})

test('thoughts stay a moment after the end, and a reply that goes on within it thinks anew', () => {
  const clock = new FakeClock()
  const live = new LiveThoughts(clock)
  live.append('r', 0, 'first')
  live.settle('r')
  clock.advance(500)
  expect(live.get('r')).toBe('first')
  live.append('r', 0, 'anew')
  clock.advance(2_000)
  expect(live.get('r')).toBe('anew')
  live.settle('r')
  clock.advance(2_000)
  expect(live.get('r')).toBeNull()
})

test('of what a reply has thought the longer is shown, what was heard here or what its row has', () => {
  const reply = (state: ReplyState, text: string | null): Reply => ({
    id: 'r',
    conversationId: 'c',
    parentId: null,
    text: '',
    position: 1,
    revision: 1,
    createdAt: 0,
    deleted: false,
    askedBy: null,
    ...QUEUED,
    state,
    thoughts: text === null ? null : { text, ms: 1 },
  })
  // It goes on: the row has what was thought before, of which this tab has missed the end.
  expect(shownThoughts(reply('streaming', 'first and second'), () => 'first')).toBe('first and second')
  expect(shownThoughts(reply('streaming', 'first'), () => 'first and second')).toBe('first and second')
  expect(shownThoughts(reply('streaming', 'first'), () => null)).toBe('first')
  expect(shownThoughts(reply('complete', 'first'), () => 'first and second')).toBe('first')
  expect(shownThoughts(reply('complete', null), () => 'first')).toBe('first')
  expect(shownThoughts(reply('queued', null), () => null)).toBeNull()
})
