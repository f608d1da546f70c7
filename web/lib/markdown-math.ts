import type { TokenizerAndRendererExtension, Tokens } from 'marked'
import { escapeAll } from './escape.ts'

/*
 * Formulas, as models write them: `$…$` and `\(…\)` in a line, `$$…$$` and `\[…\]` apart. What comes out of here is their source: the page's script
 * makes them formulas, and without one they can still be read.
 */

/** Longer than this nobody writes, and nothing is looked for any further: hostile text must not take the square of the time. */
const LONGEST = 4_000
const MOST_IN_PARAGRAPH = 50
const BLANK_LINE = /\n[ \t]*\n/
const OPENED = /^ {0,3}(\$\$|\\\[)/
const BEGINNING = /\n {0,3}(?:\$\$|\\\[)/g
const LINE_END = /^[ \t]*(?=\n|$)/
const ROUND = /^\\\(([^\n]{1,800}?)\\\)/
const DOUBLE = /^\$\$(?!\$)([^$]{1,800}?)\$\$(?!\$)/
// A blank or a digit at the wrong side of a dollar makes it money.
const DOLLARS = /^\$(?![\s$])((?:\\[\s\S]|[^\\$`]){1,800}?)(?<!\s)\$(?![\d$])/

// A formula has no blank line in it, and nothing behind it in its line. One that the text ends in is shown as it is written.
function apart(source: string): Tokens.Generic | undefined {
  const [opening, mark] = OPENED.exec(source) ?? []
  if (opening === undefined) return undefined
  const near = source.slice(0, LONGEST)
  const paragraph = near.slice(0, BLANK_LINE.exec(near)?.index ?? LONGEST)
  const close = paragraph.indexOf(mark === '$$' ? '$$' : '\\]', opening.length)
  if (close === -1) return paragraph.length === source.length ? { type: 'formula', raw: source, text: source, begun: true } : undefined
  const end = LINE_END.exec(paragraph.slice(close + 2))
  const text = paragraph.slice(opening.length, close).trim()
  if (!end || text === '') return undefined
  const raw = paragraph.slice(0, close + 2) + end[0]
  return { type: 'formula', raw: source[raw.length] === '\n' ? `${raw}\n` : raw, text }
}

/**
 * Where the next formula apart begins within the paragraph that a text begins with. Every part of a divided paragraph is looked at anew by rules that
 * look through all of it: one that is very long or has very many formulas stays whole, and they are formulas in its lines.
 */
function nextApart(source: string): number | undefined {
  const near = source.slice(0, LONGEST)
  const end = BLANK_LINE.exec(near)?.index
  if (end === undefined && source.length > LONGEST) return undefined
  const paragraph = near.slice(0, end)
  const beginnings = [...paragraph.matchAll(BEGINNING)]
  if (beginnings.length > MOST_IN_PARAGRAPH) return undefined
  for (const { index } of beginnings) if (apart(source.slice(index + 1))) return index + 1
  return undefined
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
    start: nextApart,
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
