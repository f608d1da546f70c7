import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { LiveTexts } from '../../web/store/live-texts.ts'
import { FakeClock } from '../support/fake-clock.ts'

const ID = 'reply'

describe('the live text of a reply', () => {
  test('equals what was streamed, whatever came twice or overlapping, in any script and cut anywhere', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: fc.constantFrom('a', '語', '👩‍👩‍👧‍👦', '\u{1F600}', 'é', '\ud83d', '\ude00'), maxLength: 40 }),
    )
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 9 }), { maxLength: 80 }), (whole, cuts) => {
        const live = new LiveTexts(new FakeClock())
        let sent = 0
        for (const cut of [...cuts, whole.length]) {
          // Each chunk begins up to 9 units before the end of what was sent, so pairs are split and chunks overlap.
          const from = Math.max(0, sent - cut)
          const to = Math.min(whole.length, sent + (9 - cut))
          const until = cut === whole.length ? whole.length : Math.max(from, to)
          expect(live.append(ID, from, whole.slice(from, until), '')).toBe('applied')
          sent = Math.max(sent, until)
        }
        live.append(ID, sent, whole.slice(sent), '')
        expect(live.get(ID) ?? '').toBe(whole)
      }),
      { numRuns: 300 },
    )
  })

  test('does not change when a piece before the new one is missing', () => {
    const live = new LiveTexts(new FakeClock())
    live.append(ID, 0, 'abc', '')
    expect(live.append(ID, 4, 'e', '')).toBe('gap')
    expect(live.get(ID)).toBe('abc')
    live.begin(ID, 'abcd')
    expect(live.append(ID, 4, 'e', '')).toBe('applied')
    expect(live.get(ID)).toBe('abcde')
  })

  test('goes on from the text that was kept of it', () => {
    const live = new LiveTexts(new FakeClock())
    expect(live.append(ID, 4, ' on', 'kept')).toBe('applied')
    expect(live.get(ID)).toBe('kept on')
  })

  test('is not shortened by an answer that is behind, and is replaced by one that differs', () => {
    const live = new LiveTexts(new FakeClock())
    live.append(ID, 0, 'one two', '')
    live.begin(ID, 'one')
    expect(live.get(ID)).toBe('one two')
    live.begin(ID, 'other')
    expect(live.get(ID)).toBe('other')
  })

  test('stays for a moment after the row was stored, and not for ever', () => {
    const clock = new FakeClock()
    const live = new LiveTexts(clock)
    live.append(ID, 0, 'all', '')
    live.settle(ID, 'all of it')
    expect(live.get(ID)).toBe('all of it')
    clock.advance(2_000)
    expect(live.get(ID)).toBeNull()
  })

  test('stays on a page that has been told to reload', () => {
    const live = new LiveTexts(new FakeClock())
    live.append(ID, 0, 'half a sen', '')
    live.stop()
    expect(live.get(ID)).toBe('half a sen')
  })

  test('survives its end when the reply is resumed', () => {
    const clock = new FakeClock()
    const live = new LiveTexts(clock)
    live.append(ID, 0, 'half', '')
    live.settle(ID, 'half')
    clock.advance(500)
    live.append(ID, 4, ' more', '')
    clock.advance(5_000)
    expect(live.get(ID)).toBe('half more')
  })

  test('is announced at once and then at most once per frame of the screen', () => {
    const clock = new FakeClock()
    const live = new LiveTexts(clock)
    const seen: (string | null)[] = []
    const unwatch = live.watch(ID, () => seen.push(live.get(ID)))
    for (const [index, letter] of [...'abcdef'].entries()) live.append(ID, index, letter, '')
    expect(seen).toEqual(['a'])
    clock.advance(16)
    expect(seen).toEqual(['a', 'abcdef'])
    unwatch()
    live.append(ID, 6, 'g', '')
    clock.advance(16)
    expect(seen).toHaveLength(2)
  })

  test('is handed out for storing once per change', () => {
    const live = new LiveTexts(new FakeClock())
    live.append(ID, 0, 'a', '')
    expect(live.takeDirty()).toEqual([{ id: ID, text: 'a' }])
    expect(live.takeDirty()).toEqual([])
    live.append(ID, 0, 'a', '')
    expect(live.takeDirty()).toEqual([])
  })
})
