import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test'
import { newId, rangesOf, type SearchHit, snippet, terms } from '#contract'
import { mergeHits, pieces } from '../../web/lib/search-results.ts'
import { Database, type StoredMessage } from '../../web/store/database.ts'
import { guessedConversation } from '../../web/store/guesses.ts'
import { SearchTexts } from '../../web/store/search-texts.ts'
import { eventually } from '../support/eventually.ts'

const DAY_MS = 24 * 60 * 60_000
const [room, other] = [newId(), newId()]
const db = new Database(newId())
const texts = new SearchTexts(db)
let stop = () => {}

beforeAll(async () => {
  await Promise.all([addRoom(room), addRoom(other)])
  await say(room, 'Ein Café in Zürich', 1)
  await say(other, 'Decaffeinated, and a cafeteria', 2)
  await say(other, 'A long day', 3)
  stop = texts.start(() => {})
  await eventually(() => found('a').length === 3)
})
afterAll(async () => {
  stop()
  await db.delete()
})

async function addRoom(id: string): Promise<void> {
  await db.conversations.put({ ...guessedConversation(id, 0).conversation, revision: 1, origin: 'server' })
}

async function say(conversationId: string, text: string, day: number, more: Partial<StoredMessage> = {}): Promise<void> {
  const place = { id: newId(), conversationId, parentId: null, position: day, revision: day, createdAt: day * DAY_MS, deleted: false }
  const note: StoredMessage = { ...place, kind: 'note', author: { id: 'ada', name: 'Ada' }, text, delivery: 'sent' }
  // A draft of the type of a union is put together here as the store would get it.
  await db.messages.put(Object.assign(note, more))
  await db.conversations.update(conversationId, { updatedAt: day * DAY_MS })
}

function found(query: string, limit = 10): string[] {
  return texts.find(terms(query), limit).map(({ snippet: { text } }) => text)
}

test('messages are found by parts of words without their accents, rather at the beginning of a word', () => {
  expect(found('cafe')).toEqual(['Decaffeinated, and a cafeteria', 'Ein Café in Zürich'])
  expect(found('ZURICH café')).toEqual(['Ein Café in Zürich'])
  expect(found('caff')).toEqual(['Decaffeinated, and a cafeteria'])
  expect(found('"in zürich"')).toEqual(['Ein Café in Zürich'])
  expect(found('"zürich in"')).toEqual([])
  expect(found('a', 1)).toEqual(['A long day'])
  expect(found('  ')).toEqual([])
})

test('what is said later is found, what is being written and what is gone is not', async () => {
  await say(room, 'The newest word of all', 4)
  await eventually(() => found('newest').length === 1)
  await say(room, 'It is being written', 5, { kind: 'reply', state: 'streaming' })
  await say(room, 'Written to its end', 6)
  await eventually(() => found('written').length === 1)
  expect(found('written')).toEqual(['Written to its end'])
  await db.conversations.update(room, { deleted: true })
  await eventually(() => found('newest').length === 0)
  expect(found('cafe')).toHaveLength(1)
})

test('a part of a long text shows what was found, and marks it in the text as it was written', () => {
  const { text, ranges } = snippet(`${'before '.repeat(200)}the cre\u0300me, the Crème ${'after '.repeat(200)}`, terms('creme'))
  expect(text.startsWith('… ') && text.endsWith(' …')).toBe(true)
  expect(ranges.map(([start, end]) => text.slice(start, end))).toEqual(['crème', 'Crème'])
  expect(rangesOf('overover', terms('over ver'))).toEqual([[0, 8]])
  expect(pieces('a bc d', [[2, 4]]).map((piece) => (piece.found ? `[${piece.text}]` : piece.text))).toEqual(['a ', '[bc]', ' d'])
})

test('a text is gone through as often for sixteen words as for one', () => {
  const text = 'some words of a long text '.repeat(1_000)
  const passes = ['nowhere', Array.from({ length: 16 }, (_, index) => `nowhere${index}`).join(' ')].map((query) => {
    const looked = terms(query)
    const normalize = spyOn(String.prototype, 'normalize')
    snippet(text, looked)
    const count = normalize.mock.calls.length
    normalize.mockRestore()
    return count
  })
  expect(passes[0]).toBeGreaterThan(0)
  expect(passes[1]).toBe(passes[0] ?? 0)
})

test('what both have found is shown once, that of the device first', () => {
  const hit = (messageId: string) => ({ messageId, ...HIT })
  expect(mergeHits([hit('a'), hit('b')], [hit('b'), hit('c'), hit('d')], 3).map(({ messageId }) => messageId)).toEqual(['a', 'b', 'c'])
})

const HIT: Omit<SearchHit, 'messageId'> = {
  conversationId: room,
  position: 1,
  kind: 'note',
  author: 'Ada',
  createdAt: 0,
  snippet: { text: '', ranges: [] },
}

test('what is shown of a message is never half of a character, wherever it begins and ends', () => {
  const faces = '😀'.repeat(300)
  for (const [before, behind] of [
    ['', ''],
    ['a', ''],
    ['', 'b'],
    ['a', 'b'],
  ]) {
    const { text } = snippet(`${before}${faces}needle${behind}${faces}`, terms('needle'))
    expect(text).toMatch(/^… (?:😀)+needleb?(?:😀)+ …$/u)
  }
})
