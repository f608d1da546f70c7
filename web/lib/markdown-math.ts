import type { TokenizerAndRendererExtension, Tokens } from 'marked'
import { escapeAll } from './escape.ts'

/*
 * Formulas, as models write them: `$…$` and `\(…\)` in a line, `$$…$$` and `\[…\]` apart. What comes out of here is their source: the page's script
 * makes them formulas, and without one they can still be read.
 */

const BLANK_LINE = /\n[ \t]*\n/
const APART = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?=\n|$)/
const BEGUN = /^ {0,3}(?:\$\$(?![\s\S]*\$\$)|\\\[(?![\s\S]*\\\]))/
const BEGINNING = /\n {0,3}(?:\$\$|\\\[)/
const ROUND = /^\\\(([^\n]{1,800}?)\\\)/
const DOUBLE = /^\$\$(?!\$)([^$]{1,800}?)\$\$(?!\$)/
// A blank or a digit at the wrong side of a dollar makes it money.
const DOLLARS = /^\$(?![\s$])((?:\\[\s\S]|[^\\$`]){1,800}?)(?<!\s)\$(?![\d$])/

// A formula has no blank line in it. One that the text ends in is shown as it is written.
function apart(source: string): Tokens.Generic | undefined {
  if (!/^ {0,3}(?:\$\$|\\\[)/.test(source)) return undefined
  const blank = BLANK_LINE.exec(source)
  const paragraph = blank ? source.slice(0, blank.index) : source
  const found = APART.exec(paragraph)
  if (found) {
    const raw = found[0]
    return { type: 'formula', raw: source[raw.length] === '\n' ? `${raw}\n` : raw, text: (found[1] ?? found[2] ?? '').trim(), apart: true }
  }
  return blank === null && BEGUN.test(paragraph) ? { type: 'formula', raw: source, text: source, begun: true } : undefined
}

function inLine(source: string): Tokens.Generic | undefined {
  const found = ROUND.exec(source) ?? DOLLARS.exec(source)
  const display = found ? null : DOUBLE.exec(source)
  const [raw, text = ''] = found ?? display ?? []
  return raw === undefined || text.trim() === ''
    ? undefined
    : { type: 'formula-in-line', raw, text: text.trim(), display: display !== null }
}

export const FORMULAS: TokenizerAndRendererExtension[] = [
  {
    name: 'formula',
    level: 'block',
    // Within the next paragraph only: what looks through the whole rest for every block takes the square of the time.
    start: (source) => {
      const end = BLANK_LINE.exec(source)
      const at = (end ? source.slice(0, end.index) : source).search(BEGINNING)
      return at === -1 ? undefined : at + 1
    },
    tokenizer: apart,
    renderer: ({ text, begun }) =>
      begun
        ? `<p class="as-written">${escapeAll(String(text))}</p>\n`
        : `<div class="math" data-math="display" tabindex="0">${escapeAll(String(text))}</div>\n`,
  },
  {
    name: 'formula-in-line',
    level: 'inline',
    start: (source) => {
      const at = source.indexOf('$')
      return at === -1 ? undefined : at
    },
    tokenizer: inLine,
    renderer: ({ text, display }) => `<span class="math" data-math="${display ? 'display' : 'inline'}">${escapeAll(String(text))}</span>`,
  },
]
