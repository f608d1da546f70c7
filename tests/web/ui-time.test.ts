import { expect, test } from 'bun:test'
import { GrowingMarkdown, isTooDeep, markdownToHtml } from '../../web/lib/markdown.ts'
import { pieces } from '../../web/lib/plain-text.ts'

/** Of processor time, far more than any of them takes; without the bounds some took minutes, or the stack. */
const MOST_MS = 3_000
const UNITS = 60_000

const times = (piece: string) => piece.repeat(Math.ceil(UNITS / piece.length))
const nested = (levels: number) => Array.from({ length: levels }, (_, level) => `${'  '.repeat(level)}- a`).join('\n')
const HOSTILE = [
  ...[
    '`',
    '`a``b',
    '``a`b',
    '```x\n',
    '```x\n~~~\n',
    'http://',
    'http://a ',
    '[',
    '*',
    '*a ',
    '_a ',
    '**a',
    'a**',
    '[a',
    '[a]',
    '![a',
    '[a](b',
  ].map(times),
  ...['~', '|', '<', '<a ', '&', '\\', '\n', '#', ' ', '\t', '>\n', '- a\n', '> - ', '>', '> ', '- ', '1. ', 'https://a.b/', 'a@b.c '].map(
    times,
  ),
  `http://a${')'.repeat(UNITS)}`,
  `http://a/${'.'.repeat(UNITS / 2)}x${')'.repeat(UNITS / 2)}`,
  `${times('[a]: b\n')}[a]`,
  `${'*'.repeat(400)}a${'*'.repeat(400)}`,
  ...[70, 200, 1_000].map(nested),
]

for (const hostile of HOSTILE) {
  test(`${JSON.stringify(hostile.slice(0, 14))}… (${hostile.length} units) is drawn in time`, () => {
    const start = process.cpuUsage()
    expect(
      pieces(hostile)
        .map(({ text }) => text)
        .join('').length,
    ).toBeGreaterThan(0)
    expect(markdownToHtml(hostile)).toBeString()
    new GrowingMarkdown().update(hostile)
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(MOST_MS)
    // By the clock on the wall a busy machine takes far longer.
  }, 60_000)
}

test('an address ends before the sentence does, whatever brackets it holds', () => {
  const linkOf = (text: string) => pieces(text).find(({ kind }) => kind === 'link')?.text
  expect(linkOf('(see https://a.example/x).')).toBe('https://a.example/x')
  expect(linkOf('https://a.example/x_(y)')).toBe('https://a.example/x_(y)')
  expect(linkOf('(https://a.example/x_(y)), then')).toBe('https://a.example/x_(y)')
  expect(linkOf('https://a.example/?q=1!')).toBe('https://a.example/?q=1')
})

test('what people really write is never too deep', () => {
  const usual = [
    '-'.repeat(80),
    '*'.repeat(80),
    '_'.repeat(80),
    '='.repeat(80),
    nested(12),
    '> '.repeat(6) + 'quoted',
    '| - '.repeat(60),
    '1. a\n'.repeat(500),
  ]
  for (const text of usual) expect([text.slice(0, 20), isTooDeep(text)]).toEqual([text.slice(0, 20), false])
})

test('a text that is too deep is shown as it was written, with nothing of it as markup', () => {
  const html = markdownToHtml(`${'>'.repeat(UNITS)}<img src=x onerror=alert(1)>`)
  expect(html).toContain('&lt;img src=x')
  expect(html).not.toContain('<img')
})
