import { describe, expect, test } from 'bun:test'
import type { Failure, PersonMessage, Reply } from '#contract'
import { announcement } from '../../web/lib/announcement.ts'
import { type EnterError, enterSentence, welcomeSentence } from '../../web/lib/enter-sentences.ts'
import { passkeySentence } from '../../web/lib/passkeys.ts'
import { colourOf, initials } from '../../web/lib/person-look.ts'
import { failureSentence, retryDelay } from '../../web/lib/failure-sentences.ts'
import { refusalSentence, type SendFailure } from '../../web/lib/sentences.ts'
import { ageOf, dayName, timeLeft } from '../../web/lib/time.ts'
import { lines } from '../../web/lib/transcript.ts'
import { QUEUED } from '../support/queued-reply.ts'

// Keyed by code, so that a code that is added to the contract and not here does not compile.
const FAILURES: { [Code in Failure['code']]: Extract<Failure, { code: Code }> } = {
  rate_limited: { code: 'rate_limited', retryAfterMs: 4_000 },
  quota_used_up: { code: 'quota_used_up', retryAfterMs: null },
  key_refused: { code: 'key_refused' },
  model_unknown: { code: 'model_unknown', model: 'gemini-none' },
  blocked: { code: 'blocked', reason: 'PROHIBITED_CONTENT', prompt: true },
  ended: { code: 'ended', reason: 'RECITATION' },
  request_refused: { code: 'request_refused', status: 400 },
  unavailable: { code: 'unavailable', status: 503 },
  silent: { code: 'silent', afterMs: 60_000 },
  cut: { code: 'cut' },
  restarted: { code: 'restarted' },
  budget_used_up: { code: 'budget_used_up', whose: 'person', resetAt: 1_700_000_000_000 },
  internal: { code: 'internal' },
}
const REFUSALS: { [Code in SendFailure['code']]: Extract<SendFailure, { code: Code }> } = {
  not_found: { code: 'not_found' },
  forbidden: { code: 'forbidden' },
  guest: { code: 'guest' },
  conflict: { code: 'conflict' },
  busy: { code: 'busy', limit: 20 },
  invalid: { code: 'invalid' },
  internal: { code: 'internal' },
}
const ENTER_ERRORS: Record<EnterError, true> = {
  link_spent: true,
  name_needed: true,
  room_full: true,
  passkey_refused: true,
  passkey_late: true,
  no_passkeys: true,
  too_many: true,
  foreign_origin: true,
  bad_request: true,
  unreachable: true,
}

function expectSentences(sentences: string[]): void {
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].{15,}\.$/)
  expect(new Set(sentences).size).toBe(sentences.length)
}

const replyRow: Reply = {
  ...QUEUED,
  id: 'r',
  conversationId: 'c',
  parentId: 'p',
  text: '## Title\n\n**Bold** and `code`',
  position: 2,
  revision: 2,
  createdAt: 0,
  deleted: false,
  state: 'complete',
  askedBy: null,
}

describe('sentences', () => {
  test('every failure of a reply has its own', () => {
    expectSentences(Object.values(FAILURES).map((failure) => failureSentence(failure)))
  })

  test('a used up budget says whose it is, and when there is more', () => {
    expect(failureSentence(FAILURES.budget_used_up, 'Your')).toMatch(/^Your tokens for today are used up\. .*:13/)
    expect(failureSentence(FAILURES.budget_used_up, 'Mara’s')).toStartWith('Mara’s tokens')
    expect(failureSentence({ ...FAILURES.budget_used_up, whose: 'room' }, 'Your')).toStartWith('This room’s tokens')
    expect(failureSentence({ ...FAILURES.budget_used_up, whose: 'guests' }, 'Your')).toStartWith('The guests’ tokens')
    expect(failureSentence({ ...FAILURES.budget_used_up, whose: 'server' }, 'Your')).toStartWith('This server’s tokens')
  })

  test('every refusal of a message has its own', () => {
    expectSentences(Object.values(REFUSALS).map(refusalSentence))
  })

  test('every error of the entrance has its own', () => {
    expectSentences(Object.keys(ENTER_ERRORS).flatMap(toEnterSentence))
  })

  test('whatever a browser says of a passkey has words, the same for what one must not tell apart', () => {
    const named = (name: string) => new DOMException('', name)
    const kinds = ['NotAllowedError', 'TimeoutError', 'InvalidStateError', 'SecurityError', 'NotSupportedError', 'AnotherError']
    for (const doing of ['making', 'using'] as const) expectSentences(kinds.map((kind) => passkeySentence(named(kind), doing)))
    expect(passkeySentence(named('ConstraintError'), 'making')).toBe(passkeySentence(named('NotSupportedError'), 'making'))
    expect(passkeySentence(new TypeError('x'), 'using')).toBe(passkeySentence(named('AnotherError'), 'using'))
    expect(passkeySentence(named('NotAllowedError'), 'using')).not.toBe(passkeySentence(named('NotAllowedError'), 'making'))
  })

  test('every link that opens something is welcomed, by name where there is one', () => {
    const kinds = ['claim', 'device', 'invite'] as const
    for (const kind of kinds) expect(welcomeSentence({ kind, name: 'Mara' })).toContain('Mara')
    expectSentences([...kinds.map((kind) => welcomeSentence({ kind, name: kind === 'device' ? 'Mara' : null })), welcomeSentence(null)])
  })

  test('what the provider or the setting is called is named', () => {
    expect(failureSentence(FAILURES.model_unknown)).toContain('gemini-none')
    expect(failureSentence(FAILURES.blocked)).toContain('prohibited content')
    expect(failureSentence(FAILURES.unavailable)).toContain('503')
    expect(failureSentence(FAILURES.silent)).toContain('60 seconds')
    expect(refusalSentence(REFUSALS.busy)).toContain('20')
  })

  test('only where the provider said how long is there a wait', () => {
    expect(Object.values(FAILURES).flatMap((failure) => retryDelay(failure) ?? [])).toEqual([4_000])
  })

  test('a reply is announced with its text, without the marks of Markdown, or with why there is none', () => {
    expect(announcement(replyRow, 'Gemini')).toBe('Gemini has answered: Title Bold and code')
    expect(announcement({ ...replyRow, state: 'failed', failure: FAILURES.cut }, 'Gemini')).toBe(failureSentence(FAILURES.cut))
    expect(announcement({ ...replyRow, state: 'stopped', stoppedBy: { id: 'm', name: 'Mara' } }, 'Gemini')).toContain('by Mara')
  })
})

function toEnterSentence(code: string): string[] {
  const known = Object.keys(ENTER_ERRORS).find((error): error is EnterError => error === code)
  return known ? [enterSentence(known)] : []
}

describe('times', () => {
  const noon = new Date(2026, 10, 22, 12).getTime()
  const day = (days: number, hour = 23) => new Date(2026, 10, 22 - days, hour).getTime()

  test('rooms are grouped by the calendar, not by hours', () => {
    expect([0, 1, 2, 7, 8].map((days) => ageOf(day(days), noon))).toEqual([
      'Today',
      'Yesterday',
      'Previous 7 days',
      'Previous 7 days',
      'Older',
    ])
    expect(ageOf(noon + 60_000, noon)).toBe('Today')
  })

  test('days are counted right over the change of the clocks', () => {
    expect(ageOf(new Date(2026, 9, 24, 1).getTime(), new Date(2026, 9, 26, 0, 30).getTime())).toBe('Previous 7 days')
  })

  test('a day of another year names its year', () => {
    expect(dayName(new Date(2025, 10, 22).getTime(), noon)).toContain('2025')
    expect(dayName(day(3), noon)).not.toContain('2026')
  })

  test('what is left of a wait gets coarser the longer it is', () => {
    expect([1, 8_000, 125_000, 11_520_000].map(timeLeft)).toEqual(['1 s', '8 s', '2 min 5 s', '3 h 12 min'])
  })
})

describe('people', () => {
  test('initials are whole characters', () => {
    expect(['Sana', 'Mara von Ost', '👩‍👩‍👧 x', 'élan', '漢字', ' '].map(initials)).toEqual(['SA', 'MO', '👩‍👩‍👧X', 'ÉL', '漢字', '?'])
  })

  test('a person keeps one of the eight colours', () => {
    const colours = Array.from({ length: 200 }, (_, index) => colourOf(`id-${index}`))
    expect(new Set(colours)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]))
    expect(colourOf('id-7')).toBe(colourOf('id-7'))
  })
})

describe('the transcript', () => {
  const prompt = (id: string, name: string, createdAt: number): PersonMessage => ({
    id,
    createdAt,
    conversationId: 'c',
    parentId: null,
    text: 'Hello',
    position: 1,
    revision: 1,
    deleted: false,
    kind: 'prompt',
    author: { id: name, name },
  })
  const noon = new Date(2026, 10, 22, 12).getTime()
  const answer: Reply = { ...replyRow, createdAt: noon }

  test('has a heading before the first message of each day', () => {
    const shown = lines([prompt('a', 'Sana', noon - 86_400_000), prompt('b', 'Sana', noon), answer], noon)
    expect(shown.map(({ day }) => day)).toEqual(['Yesterday', 'Today', null])
  })

  test('says whom a reply answers only where several people ask', () => {
    const one = lines([prompt('o', 'Sana', noon), prompt('p', 'Sana', noon), answer], noon)
    const two = lines([prompt('o', 'Mara', noon), prompt('p', 'Sana', noon), answer], noon)
    expect([one.at(-1)?.to, two.at(-1)?.to]).toEqual([null, 'Sana'])
  })
})
