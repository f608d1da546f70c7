import { expect, test } from 'bun:test'
import { failureOf, failureOfFinish } from '../../server/replies/gemini-failure.ts'

const limited = (message: string, details: unknown) => failureOf({ status: 429, message, details }, 'm')
const delay = (retryDelay: unknown) => limited('', [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }])
const daily = (retryDelay: string) =>
  limited('', [{ violations: [{ quotaId: 'RequestsPerMinute' }, { quotaId: 'RequestsPerDayPerProject' }] }, { retryDelay }])

test('a retry delay is read in every form and never longer than a day', () => {
  const forms: [string, number | null][] = [
    ['31s', 31_000],
    ['0s', 0],
    ['0.5s', 500],
    ['598.41ms', 599],
    ['1h2m3.5s', 3_723_500],
    ['51820.638305887s', 51_820_639],
    ['999999999s', 86_400_000],
    ['-5s', null],
    ['soon', null],
    ['', null],
    ['1e9s', null],
  ]
  for (const [text, retryAfterMs] of forms) expect(delay(text)).toEqual({ code: 'rate_limited', retryAfterMs })
  expect(delay({ seconds: 5 })).toEqual({ code: 'rate_limited', retryAfterMs: null })
})

test('without a detail the delay is read from the sentence', () => {
  expect(limited('Quota exceeded.\nPlease retry in 12.5s.', undefined)).toEqual({ code: 'rate_limited', retryAfterMs: 12_500 })
  expect(limited('Please retry in 14h2m3s.', [])).toEqual({ code: 'rate_limited', retryAfterMs: 50_523_000 })
  expect(limited('Please retry in a while', 'details')).toEqual({ code: 'rate_limited', retryAfterMs: null })
})

test('the quota of a day is used up, and a delay of seconds is not believed then', () => {
  expect(daily('41s')).toEqual({ code: 'quota_used_up', retryAfterMs: null })
  expect(daily('7200s')).toEqual({ code: 'quota_used_up', retryAfterMs: 7_200_000 })
})

test('details of unknown shape do no harm', () => {
  for (const details of [
    null,
    7,
    'x',
    {},
    [null],
    [[]],
    [{ violations: 'x' }],
    [{ violations: [null, { quotaId: 7 }] }],
    [{ reason: {} }],
  ]) {
    expect(limited('', details)).toEqual({ code: 'rate_limited', retryAfterMs: null })
    expect(failureOf({ status: 400, message: '', details }, 'm')).toEqual({ code: 'request_refused', status: 400 })
  }
})

test('reasons of content are blocks, all others are shown by name', () => {
  for (const reason of [
    'SAFETY',
    'RECITATION',
    'LANGUAGE',
    'BLOCKLIST',
    'PROHIBITED_CONTENT',
    'SPII',
    'IMAGE_SAFETY',
    'IMAGE_PROHIBITED_CONTENT',
  ]) {
    expect(failureOfFinish(reason)).toEqual({ code: 'blocked', reason, prompt: false })
  }
  for (const reason of ['OTHER', 'MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS', 'SOMETHING_NEW']) {
    expect(failureOfFinish(reason)).toEqual({ code: 'ended', reason })
  }
})
