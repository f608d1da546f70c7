import { expect, test } from 'bun:test'
import { isId, newId } from '#contract'

test('an id is a UUID of version 7 and the standard’s variant', () => {
  for (let round = 0; round < 1_000; round++) {
    const id = newId()
    expect(isId(id)).toBe(true)
    expect(id[14]).toBe('7')
    expect('89ab').toContain(id[19] ?? '')
  }
})

test('the first 48 bits are the milliseconds since 1970', () => {
  // The example of RFC 9562, appendix A.6: 22 February 2022, 19:22:22 GMT.
  expect(newId(0x017f22e279b0)).toStartWith('017f22e2-79b0-7')
  expect(newId(0)).toStartWith('00000000-0000-7')
  expect(newId(2 ** 48 - 1)).toStartWith('ffffffff-ffff-7')
})

test('ids of later milliseconds sort after those of earlier ones', () => {
  const ids = [1, 255, 256, 65_536, 1_700_000_000_000, 1_700_000_000_001, 2 ** 40].sort((a, b) => a - b).map((ms) => newId(ms))
  expect(ids).toEqual(ids.toSorted())
})

test('100,000 ids of one millisecond are all different', () => {
  expect(new Set(Array.from({ length: 100_000 }, () => newId(1_700_000_000_000))).size).toBe(100_000)
})

test('what is no canonical UUID is no id', () => {
  for (const wrong of [
    '',
    'new',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398',
    '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
    '017f22e2-79b0-7cc3-78c4-dc0c0c07398f',
    '../../etc/passwd',
  ]) {
    expect(isId(wrong), wrong).toBe(false)
  }
})
