import { describe, expect, test } from 'bun:test'
import { type Member, type Message, newId, type Role, type UsageRow } from '#contract'
import { compose, invitation, readersHint } from '../../web/lib/composing.ts'
import { hereFirst, rosterWords, typingWords, watching } from '../../web/lib/people-words.ts'
import { RefusedError, type Refused, refusedOf } from '../../web/lib/refused.ts'
import { refusedSentence } from '../../web/lib/refused-sentences.ts'
import { roomLine, unreadCount, unsentState } from '../../web/lib/room-row.ts'
import { lines } from '../../web/lib/transcript.ts'
import { niceEnd, perDay, sums, todayOf } from '../../web/lib/usage-sums.ts'
import { placeWords, waitingLine } from '../../web/lib/waiting-line.ts'
import { ModelRoom } from '../support/model-room.ts'

const ada = { id: newId(), name: 'Ada' }
const mara = { id: newId(), name: 'Mara' }

function member(name: string, here: boolean, role: Role = 'participant'): Member {
  return { person: { id: name, name, kind: 'member' }, role, here, seenAt: null, read: 0 }
}

describe('what is written', () => {
  const open = { rule: 'always', mayAsk: true, noting: false } as const

  test('is a prompt, which the model answers, and a note by the switch or by /note', () => {
    expect(compose('Why?', open)).toEqual({ kind: 'prompt', text: 'Why?', asks: true })
    expect(compose('Why?', { ...open, noting: true })).toEqual({ kind: 'note', text: 'Why?', asks: false })
    expect(compose('/note  between us\n', open)).toEqual({ kind: 'note', text: 'between us', asks: false })
    expect(compose('/NOTE\nbetween us', open)).toEqual({ kind: 'note', text: 'between us', asks: false })
    expect(compose('/notes are fine', open)).toMatchObject({ kind: 'prompt', text: '/notes are fine' })
    expect(compose('/note', open).text).toBe('')
    expect(compose('\n\n  indented\n ', open).text).toBe('  indented')
    expect(compose('  \n ', open).text).toBe('')
  })

  test('asks a model that answers when addressed only with its name in it', () => {
    const room = { ...open, rule: 'mention' } as const
    expect(compose('Hello all', room)).toMatchObject({ kind: 'prompt', asks: false })
    expect(compose('Hello @Gemini, why?', room)).toMatchObject({ kind: 'prompt', asks: true })
    expect(compose('Hello @geminis', room).asks).toBe(false)
  })

  test('by a guest is a note where guests may not ask', () => {
    expect(compose('@gemini why?', { ...open, mayAsk: false })).toMatchObject({ kind: 'note', asks: false })
  })

  test('says who reads it wherever that is not plain', () => {
    const hint = (text: string, room: Parameters<typeof compose>[1]) => readersHint(room, compose(text, room))
    expect(hint('Why?', open)).toBeNull()
    expect(hint('/note psst', open)).toBe('Only people read this.')
    expect(hint('', { ...open, noting: true })).toBe('Only people read this.')
    expect(hint('', { ...open, mayAsk: false })).toContain('guests may not ask')
    expect(hint('Why?', { ...open, rule: 'mention' })).toContain('@gemini')
    expect(hint('@gemini why?', { ...open, rule: 'mention' })).toBe('Gemini answers this.')
    const invitations = [open, { ...open, noting: true }, { ...open, mayAsk: false }, { ...open, rule: 'mention' } as const].map(invitation)
    expect(new Set(invitations).size).toBe(4)
  })
})

describe('the people of a room', () => {
  const people = [member('Ada', false), member('Mara', true), member('Jon', true), member('Vera', false)]

  test('are shown with those who are here first, and counted, but only as long as this tab would know', () => {
    expect(hereFirst(people, true).map(({ person }) => person.name)).toEqual(['Mara', 'Jon', 'Ada', 'Vera'])
    expect(hereFirst(people, false)).toEqual(people)
    expect(watching(people)).toBe(2)
    expect(rosterWords(people, 'Mara', true)).toBe('4 people – here: you and Jon; away: Ada and Vera')
    expect(rosterWords(people, 'Mara', false)).toBe('4 people: Ada, you, Jon and Vera')
    expect(rosterWords(people.slice(1, 3), '', true)).toBe('2 people – here: Mara and Jon')
  })

  test('are said to be typing by their names while those are few', () => {
    expect(typingWords([])).toBe('')
    expect(typingWords(['Jon'])).toBe('Jon is typing…')
    expect(typingWords(['Jon', 'Mara', 'Ada'])).toBe('Jon, Mara and Ada are typing…')
    expect(typingWords(['a', 'b', 'c', 'd'])).toBe('Several people are typing…')
  })
})

describe('a room of several people', () => {
  /** Ada's runs; then Mara's, and two more of Ada's, wait. */
  function busy(): { messages: Message[]; runningId: string; prompt: (text: string) => string; reply: (text: string) => string } {
    const room = new ModelRoom()
    room.send(ada, 'one')
    room.send(mara, 'two')
    room.send(ada, 'three')
    room.send(mara, 'psst', 'note')
    room.send(ada, 'four')
    const prompt = (text: string) => room.rows.find((row) => row.text === text)?.id ?? ''
    const reply = (text: string) => room.rows.find((row) => row.parentId === prompt(text) && row.kind === 'reply')?.id ?? ''
    const runningId = reply('one')
    room.begin(runningId)
    return { messages: room.rows, runningId, prompt, reply }
  }

  test('says to whom a reply is, by who asked last, also when only one of them has spoken', () => {
    const { messages } = busy()
    expect(lines(messages, 0).flatMap(({ to }) => to ?? [])).toEqual(['Ada', 'Mara', 'Ada', 'Ada'])
    const alone = new ModelRoom()
    alone.send(ada, 'one')
    expect(lines(alone.rows, 0, 1).flatMap(({ to }) => to ?? [])).toEqual([])
    expect(lines(alone.rows, 0, 2).flatMap(({ to }) => to ?? [])).toEqual(['Ada'])
    const resumed = alone.rows.map((row) => (row.kind === 'reply' ? { ...row, askedBy: mara } : row))
    expect(lines(resumed, 0, 2).flatMap(({ to }) => to ?? [])).toEqual(['Mara'])
  })

  test('has a line, in which one’s own prompts change places with one’s own only', () => {
    const { messages, runningId, prompt, reply } = busy()
    const line = waitingLine(messages, runningId, ada.id)
    expect([...line.keys()]).toEqual([reply('two'), reply('three'), reply('four')])
    expect(line.get(reply('two'))).toEqual({ at: 1, promptId: prompt('two'), mine: false, sooner: null, later: null })
    const revision = messages.find(({ id }) => id === prompt('four'))?.revision ?? 0
    const swapped = { ids: [prompt('four'), prompt('three')], revision }
    expect(line.get(reply('three'))).toEqual({ at: 2, promptId: prompt('three'), mine: true, sooner: null, later: swapped })
    expect(line.get(reply('four'))).toEqual({ at: 3, promptId: prompt('four'), mine: true, sooner: swapped, later: null })
    expect(waitingLine(messages, null, ada.id).size).toBe(0)
    // An answer that is given anew can be cancelled, but its prompt was answered once: it is not taken back, nor asked at another place.
    const anew = new Map([[reply('three'), [newId(), reply('three')]]])
    const others = waitingLine(messages, runningId, ada.id, anew)
    expect(others.get(reply('three'))).toMatchObject({ mine: false, sooner: null, later: null })
    expect(others.get(reply('four'))).toMatchObject({ mine: true, sooner: null, later: null })
    expect([1, 2, 3, 4, 11, 21].map(placeWords).join()).toBe('next in line,2nd in line,3rd in line,4th in line,11th in line,21st in line')
  })

  test('has a row that says what is unread, unsent and last', () => {
    expect(unreadCount({ count: 7 }, { read: 4 })).toBe(3)
    expect(unreadCount({ count: 7 }, { read: 9 })).toBe(0)
    expect(unreadCount({ count: 7 }, undefined)).toBe(0)
    expect(roomLine({ runningId: null, last: { name: 'Ada', text: 'hi' } }, 'Ada', 'Gemini')).toBe('You: hi')
    expect(roomLine({ runningId: null, last: { name: 'Mara', text: 'hi' } }, 'Ada', 'Gemini')).toBe('Mara: hi')
    expect(roomLine({ runningId: 'r', last: null }, 'Ada', 'Demo')).toBe('Demo is answering…')
    expect(roomLine({ runningId: null, last: null }, 'Ada', 'Demo')).toBe('Nothing said yet')
    const waiting = [
      { conversationId: 'a', state: 'waiting' as const },
      { conversationId: 'b', state: 'failed' as const },
    ]
    expect(['a', 'b', 'c'].map((id) => unsentState(id, waiting))).toEqual(['waiting', 'failed', 'none'])
  })
})

describe('usage', () => {
  const row = (day: string, person: string, room: string, total: number): UsageRow => ({
    day,
    person: { id: person, name: person },
    conversation: { id: room, title: room === 'r2' ? '' : room },
    model: room === 'r1' ? 'flash' : 'pro',
    calls: 1,
    prompt: total - 1,
    output: 1,
    total,
  })
  const rows = [row('2026-11-20', 'Ada', 'r1', 10), row('2026-11-22', 'Ada', 'r2', 5), row('2026-11-22', 'Mara', 'r1', 40)]

  test('adds up to the same whichever way it is grouped, the largest first', () => {
    for (const by of ['person', 'room', 'model'] as const) {
      const found = sums(rows, by)
      expect(found.reduce((sum, { total }) => sum + total, 0)).toBe(55)
      expect(found.reduce((sum, { prompt, output }) => sum + prompt + output, 0)).toBe(55)
      expect(found.reduce((sum, { calls }) => sum + calls, 0)).toBe(3)
    }
    expect(sums(rows, 'person').map(({ name, total }) => `${name} ${total}`)).toEqual(['Mara 40', 'Ada 15'])
    expect(sums(rows, 'room')[1]).toMatchObject({ key: 'r2', name: '', total: 5 })
  })

  test('has every day up to today, also those without any', () => {
    expect(todayOf(Date.parse('2026-11-23'))).toBe('2026-11-22')
    expect(perDay(rows, '2026-11-22', 4)).toEqual([
      { day: '2026-11-19', total: 0 },
      { day: '2026-11-20', total: 10 },
      { day: '2026-11-21', total: 0 },
      { day: '2026-11-22', total: 45 },
    ])
    expect(perDay([], '2027-03-01', 2).map(({ day }) => day)).toEqual(['2027-02-28', '2027-03-01'])
    expect([0, 7, 10, 11, 99, 26_000, 81_000].map(niceEnd)).toEqual([10, 10, 10, 12, 100, 30_000, 100_000])
  })
})

test('every refusal of a call has a sentence of its own', () => {
  const all: Refused[] = [
    { code: 'NOT_FOUND', data: { what: 'member' } },
    ...(['role', 'guest', 'owner', 'last_owner'] as const).map((reason): Refused => ({ code: 'FORBIDDEN', data: { reason } })),
    ...(['id_taken', 'started'] as const).map((reason): Refused => ({ code: 'CONFLICT', data: { reason } })),
    { code: 'BUSY', data: { limit: 50 } },
    { code: 'RATE_LIMITED', data: { retryAfterMs: 5 } },
    { code: 'UNAVAILABLE', data: { what: 'database' } },
    { code: 'offline' },
    { code: 'invalid' },
    { code: 'internal' },
  ]
  const sentences = all.map(refusedSentence)
  expect(new Set(sentences).size).toBe(all.length)
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].+\.$/)
  for (const refused of all) expect(refusedOf(new RefusedError(refused))).toEqual(refused)
  expect(refusedOf(new Error('anything'))).toEqual({ code: 'internal' })
})
