import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { fileName } from '../../web/lib/code-files.ts'
import { highlight } from '../../web/lib/highlight.ts'
import { GrowingMarkdown, markdownToHtml } from '../../web/lib/markdown.ts'
import { HOSTILE } from './ui-hostile.ts'

const BARE = 'p|h[2-6]|blockquote|ul|ol|li|hr|br|em|strong|del|code|table|thead|tbody|tr|th|td|span|div'
const FORMS = [
  `</?(?:${BARE}|a|pre|button)>`,
  '<div class="code"(?: data-diagram)?(?: data-folded)?>',
  '<div class="code-bar">',
  '<button type="button" class="code-more" data-code="fold" aria-expanded="false">',
  '<div class="math" data-math="display" tabindex="0">',
  '<span class="math" data-math="(?:display|inline)">',
  '<p class="as-written">',
  '<span class="task(?: done)?">',
  '<section class="footnotes" aria-label="Footnotes">',
  '<li value="\\d+" tabindex="-1">',
  '<sup>|</sup>|</section>',
  '<button type="button" class="footnote" data-footnote(?:-mark)?="\\d+" aria-label="(?:Footnote \\d+|Back to the text)">',
  '<div class="table" tabindex="0">',
  '<pre tabindex="0">',
  '<code data-language="[\\w+#.-]*">',
  '<button type="button" class="quiet" data-code="(?:copy|download|wrap|source)"(?: aria-pressed="false")?>',
  '<ol start="\\d+">',
  '<t[hd] align="(?:left|right|center)">',
  '<a href="(?:https?:|mailto:)[^"<>\\s]*" target="_blank" rel="noopener noreferrer nofollow">',
]
const TAG = new RegExp(FORMS.join('|'), 'g')

/** What is left of the HTML when everything that the renderer may write is taken away: text, with no mark of markup in it. */
function rest(html: string): string {
  return html.replace(TAG, '')
}

function expectHarmless(html: string): void {
  expect(rest(html)).not.toMatch(/[<>]/)
}

function grow(text: string, chunks: Iterable<string>): { shown: string; seen: string[] } {
  const growing = new GrowingMarkdown()
  const seen: string[] = []
  let settled: string[] = []
  let source = ''
  for (const chunk of chunks) {
    source += chunk
    const step = growing.update(source)
    settled = step.reset ? step.settled : [...settled, ...step.settled]
    seen.push(settled.join('') + step.open)
  }
  expect(source).toBe(text)
  return { shown: growing.blocks.join(''), seen }
}

describe('hostile text', () => {
  test('there are at least sixty of them, all different', () => {
    expect(new Set(HOSTILE).size).toBeGreaterThanOrEqual(60)
  })

  test.each(HOSTILE)('%j leaves nothing but text and the renderer’s own tags', (text) => {
    expectHarmless(markdownToHtml(text))
    expectHarmless(markdownToHtml(`- list\n\n${text}\n\nafter *it*`))
  })

  test('stays harmless at every moment while it arrives in any two pieces', () => {
    for (const text of HOSTILE) {
      for (let at = 1; at < text.length; at++) {
        for (const html of grow(text, [text.slice(0, at), text.slice(at)]).seen) expectHarmless(html)
      }
    }
  })

  test('stays harmless when it arrives unit by unit', () => {
    for (const text of HOSTILE) for (const html of grow(text, text.split('')).seen) expectHarmless(html)
  })

  test('stays harmless however its pieces are put together', () => {
    const pieces = ['<', '>', '"', "'", '`', '[', ']', '(', ')', '!', '\n', '\n\n', ' ', '\\', '&', ';', '|', '-', '#', '```', '<pre>']
    pieces.push('$', '$$', '\\(', '\\)', '\n\\[', '\\]', '[^1]', '\n\n[^1]: ', '```mermaid\n', '\n```\n')
    const words = ['img src=x onerror=a', 'javascript:', 'https://e.test/', 'script', '</', '<!--', '-->', 'x', '[a]: ', 'data:', '|-|-|\n']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces, ...words), { maxLength: 40 }), (parts) => {
        expectHarmless(markdownToHtml(parts.join('')))
        for (const html of grow(parts.join(''), parts).seen) expectHarmless(html)
      }),
      { numRuns: 1_500 },
    )
  })

  test('the check itself notices what it is for', () => {
    for (const html of ['<img src="x">', '<p onclick="a">', '<a href="javascript:a">', '<div style="a">', '<h1>']) {
      expect(() => expectHarmless(html)).toThrow()
    }
  })

  test('the highlighter escapes what it is given', () => {
    for (const text of HOSTILE) {
      const html = highlight(text, 'html') ?? ''
      expect(html.replace(/<span class="(?:hljs-[\w-]+|language-\w+)(?: [\w-]+)*">|<\/span>/g, '')).not.toMatch(/[<>]/)
    }
  })
})

describe('links and pictures', () => {
  test('a link opens apart, tells the other side nothing and keeps its text', () => {
    expect(markdownToHtml('[here](https://a.test/x?a=1&b=2)')).toBe(
      '<p><a href="https://a.test/x?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">here</a></p>\n',
    )
  })

  test('an address without a scheme of its own is text', () => {
    expect(markdownToHtml('[here](/c/1) [there](//a.test) [x](javascript:a)')).toBe('<p>here there x</p>\n')
  })

  test('a picture becomes a link with its alternative text', () => {
    expect(markdownToHtml('![a cat](https://a.test/cat.png)')).toContain('>a cat</a>')
    expect(markdownToHtml('![a cat](cat.png)')).toBe('<p>a cat</p>\n')
  })

  test('a link inside of a link is text', () => {
    expect(markdownToHtml('[![x](https://a.test/1)](https://a.test/2)').match(/<a /g)).toHaveLength(1)
  })
})

describe('what people see', () => {
  test('raw HTML is shown as it was written', () => {
    expect(markdownToHtml('<b>bold</b> & <i>')).toBe('<p>&lt;b&gt;bold&lt;/b&gt; &amp; &lt;i&gt;</p>\n')
  })

  test('headings begin below the heading of the room and leave no level out', () => {
    const levels = [...markdownToHtml('### a\n\n# b\n\n#### c\n\n###### d').matchAll(/<h(\d)>/g)].map(([, level]) => Number(level))
    expect(levels).toEqual([2, 2, 3, 4])
  })

  test('code says its language and can be copied', () => {
    expect(markdownToHtml('```TypeScript\na < b\n```')).toBe(
      '<div class="code"><div class="code-bar"><span>TypeScript</span><div>' +
        '<button type="button" class="quiet" data-code="wrap" aria-pressed="false">Wrap</button>' +
        '<button type="button" class="quiet" data-code="download">Download</button>' +
        '<button type="button" class="quiet" data-code="copy">Copy</button></div></div>' +
        '<pre tabindex="0"><code data-language="typescript">a &lt; b\n</code></pre></div>\n',
    )
  })

  test('tasks are marked without a control that does nothing', () => {
    expect(markdownToHtml('- [x] a\n- [ ] b')).toContain('☑</span> a')
    expect(markdownToHtml('- [x] a\n- [ ] b')).not.toContain('<input')
  })
})

describe('a growing text', () => {
  const SAMPLE = [
    '# Title\n\nA *first* paragraph with `code` and [a link](https://a.test).\n\n',
    '- one\n- two\n  - nested\n\n1. first\n2. second\n\n',
    '```ts\nconst a = 1\n\nconst b = "</pre>"\n```\n\n',
    '| a | b |\n|---|--:|\n| 1 | 2 |\n\n> quoted\n> more\n\n### Third\n\n---\n\n',
    'A $formula$ in a line\n$$\na_1\n$$\n\n- $b$\n\n  $$\n  c\n  $$\n\n```mermaid\ngraph TD\n```\n\n- [x] done\n\n',
    'The end, with 👩‍👩‍👧 and 漢字.\n',
  ].join('')

  test('ends as the whole renders, in pieces of every size', () => {
    for (let size = 1; size <= 60; size++) {
      const chunks = SAMPLE.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
      expect(grow(SAMPLE, chunks).shown).toBe(markdownToHtml(SAMPLE))
    }
  })

  test('settles each block once and never takes it back', () => {
    const growing = new GrowingMarkdown()
    const settled: string[] = []
    for (let length = 1; length <= SAMPLE.length; length++) {
      const step = growing.update(SAMPLE.slice(0, length))
      expect(step.reset).toBe(false)
      settled.push(...step.settled)
    }
    expect(settled.length).toBeGreaterThan(8)
    expect(markdownToHtml(SAMPLE).startsWith(settled.join(''))).toBe(true)
  })

  test('begins anew when the text is not a continuation', () => {
    const growing = new GrowingMarkdown()
    growing.update('one\n\ntwo\n\nthree')
    const { reset, settled } = growing.update('other\n\ntext')
    expect(reset).toBe(true)
    expect(settled).toEqual(['<p>other</p>\n'])
    expect(growing.blocks.join('')).toBe(markdownToHtml('other\n\ntext'))
  })

  test('gives back only the blocks that are new, however long the text is', () => {
    const paragraph = `${'word '.repeat(40)}\n\n`
    const growing = new GrowingMarkdown()
    const update = (count: number) => growing.update(paragraph.repeat(count)).settled.length
    update(400)
    expect(update(401)).toBe(1)
    expect(update(403)).toBe(2)
  })
})

describe('formulas', () => {
  const sources = (text: string) =>
    [...markdownToHtml(text).matchAll(/data-math="(\w+)"[^>]*>([^<]*)</g)].map(([, mode, source]) => [mode, source])

  test('are told from money', () => {
    expect(sources('It costs $5 and $10, or US$5-$10; $ 5 $ is none, and `$x$` is code.')).toEqual([])
    expect(sources('The $n$th of $\\{a_1 < b\\}$, \\(x_1\\) and \\$5$.')).toEqual([
      ['inline', 'n'],
      ['inline', '\\{a_1 &lt; b\\}'],
      ['inline', 'x_1'],
    ])
  })

  test('stand apart between double dollars or brackets, also right below a line of text, and end at a blank line', () => {
    expect(sources('So:\n$$\na_1 * b_2\n$$\nand\n\\[ c \\]\n')).toEqual([
      ['display', 'a_1 * b_2'],
      ['display', 'c'],
    ])
    expect(sources('so $$x^2$$ it is')).toEqual([['display', 'x^2']])
    expect(sources('$$ a\n\nb $$')).toEqual([])
  })

  test('are shown as they are written while they are being written', () => {
    const { seen } = grow('See:\n\n$$\na_1 * b_2\n$$\n', ['See:\n\n$$\na_1 * ', 'b_2', '\n$$\n'])
    expect(seen[1]).toEndWith('<p class="as-written">$$\na_1 * b_2</p>\n')
    expect(seen[2]).toContain('<div class="math"')
  })
})

test('no text takes minutes because of what looks like formulas or notes', () => {
  const pieces = ['x\n$$a$$\n', '\n$$a', '\n\\[a', '$a ', '\\(', '[^1]', '[^1]: a\n', '$$\n']
  // Cubes of the length were minutes here.
  for (const piece of pieces) expect(markdownToHtml(piece.repeat(8_000 / piece.length))).toContain('<')
}, 20_000)

describe('footnotes', () => {
  const NOTES = 'One[^b], two[^a], none[^c].\n\n[^a]: The *first*\nin two lines\n[^b]: The second\n'

  test('are numbered as they are explained, and a mark without an explanation is text', () => {
    const html = markdownToHtml(NOTES)
    expect([...html.matchAll(/data-footnote="(\d)"/g)].map(([, number]) => number)).toEqual(['2', '1'])
    expect(html).toContain('none[^c].')
    expect(html).toContain('<li value="1" tabindex="-1">The <em>first</em>\nin two lines ')
  })
})

describe('code', () => {
  const code = (lines: number) => markdownToHtml(`\`\`\`js\n${'x\n'.repeat(lines)}\`\`\``)

  test('of more than 24 lines is folded', () => {
    expect(code(24)).not.toContain('data-folded')
    expect(code(25)).toContain('data-folded')
    expect(code(25)).toContain('>Show all 25 lines</button>')
  })

  test('is a diagram when its fence is closed, and a piece of one before', () => {
    expect(markdownToHtml('```mermaid\ngraph TD\n```')).toContain('data-diagram')
    expect(markdownToHtml('```mermaid\ngraph TD')).not.toContain('data-diagram')
    expect(markdownToHtml('```js\ngraph TD\n```')).not.toContain('data-diagram')
  })

  test('is saved under the extension of its language', () => {
    expect(['typescript', 'python', 'c++', 'json', '', '../x', 'dockerfile'].map(fileName)).toEqual([
      'code.ts',
      'code.py',
      'code.cpp',
      'code.json',
      'code.txt',
      'code.txt',
      'Dockerfile',
    ])
  })
})
