import { describe, expect, test } from 'bun:test'
import { cut, label, LIMITS, preview, storable } from '#contract'

const LONE = '\uD83D'
const FAMILY = '👩\u200D👩\u200D👧'

describe('storable text', () => {
  test('is left as it is when every database can hold it', () => {
    for (const text of ['', 'hello', 'äöü', '日本語', FAMILY, 'a\r\n\tb', '\u202Eabc']) expect(storable(text)).toBe(text)
  })

  test('has U+FFFD for each lone surrogate and each U+0000, so that offsets stay', () => {
    expect(storable(`a${LONE}b\0c\uDC69`)).toBe('a\uFFFDb\uFFFDc\uFFFD')
    for (const text of [LONE, `\0\0${LONE}`, `x${LONE}${LONE}\uDC69`]) expect(storable(text).length).toBe(text.length)
  })
})

describe('a label', () => {
  test('has no direction overrides, zero-width or control characters', () => {
    expect(label('Ada\u202Egpj.exe', 40)).toBe('Adagpj.exe')
    expect(label('a\u200Bb\u0007c\u2066d\u00ADe', 40)).toBe('abcde')
  })

  test('is one trimmed line in NFC', () => {
    expect(label('  Ada\r\n\tLove\u2028lace  ', 40)).toBe('Ada Love lace')
    expect(label('e\u0301', 40)).toBe('é')
  })

  test('keeps what joins emoji and letters', () => {
    expect(label(FAMILY, 40)).toBe(FAMILY)
    expect(label('می\u200Cخواهم', 40)).toBe('می\u200Cخواهم')
  })

  test('is empty when nothing of it is left', () => {
    for (const nothing of ['', ' \n\t', '\u202E\u200B', '\uFEFF \u2028']) expect(label(nothing, 40)).toBe('')
  })
})

describe('what is too long', () => {
  test('ends with an ellipsis within the limit', () => {
    expect(label('x'.repeat(40), 40)).toBe('x'.repeat(40))
    expect(label('x'.repeat(41), 40)).toBe(`${'x'.repeat(39)}…`)
    expect(preview('a\n\nb'.repeat(100), LIMITS.previewLength).length).toBe(LIMITS.previewLength)
  })

  test('is never cut through a surrogate pair, at any length', () => {
    const text = 'a👩b🎉'.repeat(20)
    for (let length = 1; length < text.length + 2; length++) {
      for (const short of [label(text, length), preview(text, length), cut(text, length)]) {
        expect(short.isWellFormed(), `${length}: ${short}`).toBe(true)
        expect(short.length).toBeLessThanOrEqual(length)
      }
      expect(text.startsWith(cut(text, length))).toBe(true)
      expect(cut(text, length).length).toBeGreaterThanOrEqual(Math.min(length, text.length) - 1)
    }
  })
})

describe('a preview', () => {
  test('is the first words of a text on one line', () => {
    expect(preview('  Title\n\n- one\n- two  ', 140)).toBe('Title - one - two')
  })

  test('leaves the marks of Markdown out', () => {
    expect(preview('# Title\n\nSome **bold**, ~~old~~ and `code`.\n> said', 140)).toBe('Title Some bold, old and code. said')
    expect(preview('Fix this:\n```ts\nlet a = 1\n```\nPlease.', 140)).toBe('Fix this: let a = 1 Please.')
    expect(preview('It filters by `author_id` and `created_at', 140)).toBe('It filters by author_id and `created_at')
    expect(preview('``a`b`` and 这是**粗体**字', 140)).toBe('a`b and 这是粗体字')
  })

  test('leaves what only looks like a mark', () => {
    for (const text of ['2**3 is 8 and 3**2 is 9', 'snake_case and __init__', 'a > b # c', '#tag', 'C# ** D'])
      expect(preview(text, 140)).toBe(text)
  })

  test('of the longest message takes no time', () => {
    const startedAt = performance.now()
    for (const text of ['`', '**a ', '~~a', '# ', ' \n', '> '])
      preview(text.repeat(LIMITS.messageLength / text.length), LIMITS.previewLength)
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})
