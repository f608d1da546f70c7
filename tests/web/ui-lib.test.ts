import { describe, expect, test } from 'bun:test'
import { pieces } from '../../web/lib/plain-text.ts'
import { type Box, earlierStep, END_PX, isAtEnd, keptTop, nextFollowing } from '../../web/lib/scroll.ts'

describe('following the end', () => {
  const end: Box = { top: 1_000, height: 1_600, viewport: 600 }

  test('the end has a little width', () => {
    expect(isAtEnd(end)).toBe(true)
    expect(isAtEnd({ ...end, top: end.top - END_PX })).toBe(true)
    expect(isAtEnd({ ...end, top: end.top - END_PX - 1 })).toBe(false)
  })

  test('text that grows does not end it', () => {
    expect(nextFollowing(true, end, { ...end, height: 1_900 })).toBe(true)
  })

  test('the reader’s way up ends it, also while the text grows', () => {
    expect(nextFollowing(true, end, { ...end, top: 900 })).toBe(false)
    expect(nextFollowing(true, end, { ...end, top: 940, height: 1_700 })).toBe(false)
  })

  test('a keyboard that opens or closes does not end it', () => {
    expect(nextFollowing(true, end, { ...end, viewport: 300 })).toBe(true)
    expect(nextFollowing(true, { ...end, top: 1_300, viewport: 300 }, { ...end, top: 900, viewport: 650 })).toBe(true)
    // It has been as small as can be for a moment, and is smaller than before all the same: the composer under it was filled anew.
    expect(nextFollowing(true, end, { ...end, top: 900, viewport: 300 })).toBe(true)
  })

  test('it begins again only at the end', () => {
    const up = { ...end, top: 500 }
    expect(nextFollowing(false, up, { ...end, top: 700 })).toBe(false)
    expect(nextFollowing(false, up, end)).toBe(true)
  })

  test('what is put before the view moves the view by its height', () => {
    expect(keptTop(200, -40, 960)).toBe(1_200)
    expect(keptTop(200, 0, -500)).toBe(0)
  })

  test('the window is widened while the store has more, then the server is asked', () => {
    expect(earlierStep({ shown: 50, window: 50, earlier: true })).toBe('widen')
    expect(earlierStep({ shown: 73, window: 100, earlier: true })).toBe('request')
    expect(earlierStep({ shown: 73, window: 100, earlier: false })).toBe('none')
  })
})

describe('what a person wrote', () => {
  const kinds = (text: string) => pieces(text).map((piece) => [piece.kind, piece.text])

  test('stays as it is, line by line', () => {
    expect(kinds('# not a heading\n\n  **not bold** <b>')).toEqual([['text', '# not a heading\n\n  **not bold** <b>']])
    expect(kinds('')).toEqual([])
  })

  test('code is set apart', () => {
    expect(kinds('use `a b` or ``c`d``.')).toEqual([
      ['text', 'use '],
      ['code', 'a b'],
      ['text', ' or '],
      ['code', 'c`d'],
      ['text', '.'],
    ])
    expect(kinds('see\n```js\nconst a = `x`\n\nhttps://a.test\n```\nbye')).toEqual([
      ['text', 'see'],
      ['fence', 'const a = `x`\n\nhttps://a.test'],
      ['text', 'bye'],
    ])
    expect(kinds('```\nnever closed')).toEqual([['fence', 'never closed']])
  })

  test('addresses are links, without the sentence around them', () => {
    expect(kinds('(see https://a.test/b_(c)). Or http://d.test?')).toEqual([
      ['text', '(see '],
      ['link', 'https://a.test/b_(c)'],
      ['text', '). Or '],
      ['link', 'http://d.test'],
      ['text', '?'],
    ])
  })

  test('nothing but http and https is ever a link', () => {
    expect(pieces('javascript:alert(1) data:text/html,x file:///a https:// HTTP').filter(({ kind }) => kind === 'link')).toEqual([])
  })

  test('nothing is lost on the way', () => {
    const text = 'a https://a.test, b\nc https://b.test/x) d'
    expect(pieces(text).map((piece) => piece.text)).toEqual(['a ', 'https://a.test', ', b\nc ', 'https://b.test/x', ') d'])
  })
})
