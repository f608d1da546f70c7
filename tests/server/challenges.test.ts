import { expect, test } from 'bun:test'
import { LIMITS } from '#contract'
import { createChallenges } from '../../server/access/challenges.ts'

const HERE = 'https://chat.example.org'

test('a challenge is for one answer, for one purpose, and for two minutes', () => {
  let now = 1_000_000
  const challenges = createChallenges(() => now)
  const first = challenges.make(HERE)
  expect(challenges.take(first, HERE)).toBe(true)
  expect(challenges.take(first, HERE)).toBe(false)

  const elsewhere = challenges.make(HERE)
  expect(challenges.take(elsewhere, 'https://evil.example')).toBe(false)
  expect(challenges.take(elsewhere, HERE)).toBe(false)

  const [soon, late] = [challenges.make(HERE), challenges.make(HERE)]
  now += LIMITS.passkeyMs - 1
  expect(challenges.take(soon, HERE)).toBe(true)
  now += 1
  expect(challenges.take(late, HERE)).toBe(false)
})

test('of one session there is one at a time, which nobody else can answer or end', () => {
  const challenges = createChallenges()
  const first = challenges.make(HERE, 'session')
  const second = challenges.make(HERE, 'session')
  const other = challenges.make(HERE, 'other')
  expect(challenges.take(second, HERE)).toBe(false)
  expect(challenges.take(second, HERE, 'other')).toBe(false)
  expect(challenges.take(other, HERE, 'other')).toBe(false)
  expect(challenges.take(second, HERE, 'session')).toBe(true)
  expect(challenges.take(first, HERE, 'session')).toBe(false)
})

test('ten thousand are open at most: the oldest is forgotten first', () => {
  const challenges = createChallenges()
  const made = Array.from({ length: 10_001 }, () => challenges.make(HERE))
  expect(challenges.take(made[0] ?? '', HERE)).toBe(false)
  expect(challenges.take(made[1] ?? '', HERE)).toBe(true)
  expect(challenges.take(made[10_000] ?? '', HERE)).toBe(true)
})
