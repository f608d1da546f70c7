import { expect, test } from 'bun:test'
import { createAttempts } from '../../server/access/attempts.ts'
import { addressOf, isSameOrigin, isSecure, type Trust } from '../../server/access/requests.ts'

const plain: Trust = { tls: false, trustProxy: false, port: 3000 }
const proxied: Trust = { ...plain, trustProxy: true }
const asked = (headers: Record<string, string>) => new Request('http://chat.example:3000/rpc', { headers })

test('only a page of this very server has the same origin', () => {
  const from = (origin: string | null, trust = plain, more = {}) =>
    isSameOrigin(asked({ host: 'chat.example:3000', ...(origin === null ? {} : { origin }), ...more }), trust)
  expect(from('http://chat.example:3000')).toBe(true)
  const hostile = [
    null,
    'null',
    '',
    'https://chat.example:3000',
    'http://chat.example',
    'http://chat.example:3001',
    'http://evil.example:3000',
    'http://chat.example:3000.evil.example',
    'http://chat.example:3000@evil.example',
    'http://evil.example#chat.example:3000',
    'http://sub.chat.example:3000',
    'http://chat.example:3000/',
    'http://chat.exampl\u0435:3000'.normalize('NFKD').replace(/[^\x20-\x7e]/g, 'e.'),
    'file://',
    'chrome-extension://chat.example:3000',
  ]
  for (const origin of hostile) expect([origin, from(origin)]).toEqual([origin, false])
})

test('https is believed from a proxy only when proxies are trusted', () => {
  const request = asked({ 'x-forwarded-proto': 'https' })
  expect(isSecure(request, plain)).toBe(false)
  expect(isSecure(request, proxied)).toBe(true)
  expect(isSecure(asked({ 'x-forwarded-proto': 'https, http' }), proxied)).toBe(false)
})

test('an address cannot be chosen by whoever sends the request', () => {
  expect(addressOf(asked({ 'x-forwarded-for': '1.1.1.1' }), '9.9.9.9', plain)).toBe('9.9.9.9')
  expect(addressOf(asked({ 'x-forwarded-for': '1.1.1.1, 2.2.2.2' }), '127.0.0.1', proxied)).toBe('2.2.2.2')
  expect(addressOf(asked({}), '::ffff:9.9.9.9', plain)).toBe('9.9.9.9')
  expect(addressOf(asked({}), null, plain)).toBe('unknown')
})

test('IPv6 addresses count by their /64', () => {
  const first = addressOf(asked({}), '2001:db8:1:2:aaaa::1', plain)
  expect(addressOf(asked({}), '2001:db8:1:2::ffff', plain)).toBe(first)
  expect(addressOf(asked({}), '2001:db8:1:3::1', plain)).not.toBe(first)
  expect(addressOf(asked({}), '::1', plain)).toBe('0000:0000:0000:0000')
})

test('attempts are counted by key, forgotten after their window, and never fill the memory', () => {
  let now = 0
  const attempts = createAttempts({ max: 2, windowMs: 100, maxKeys: 3, now: () => now })
  expect([attempts('a'), attempts('a', 0), attempts('a'), attempts('a', 0)]).toEqual([true, true, true, true])
  expect([attempts('a'), attempts('a', 0), attempts('b')]).toEqual([false, false, true])
  now = 100
  expect([attempts('a', 0), attempts('a')]).toEqual([true, true])
  for (const key of ['c', 'd', 'e', 'f']) attempts(key)
  expect(attempts('a')).toBe(true)
})

test('an attempt that has turned out well is given back', () => {
  const attempts = createAttempts({ max: 1, windowMs: 100, maxKeys: 3, now: () => 0 })
  expect([attempts('a'), attempts('a'), attempts('a', -1), attempts('a', -1), attempts('a')]).toEqual([true, false, true, true, true])
  attempts('b', -1)
  expect([attempts('b'), attempts('b')]).toEqual([true, false])
})
