import type { Token, TokenizerAndRendererExtension, Tokens } from 'marked'

/*
 * `[^1]` in the text and `[^1]: …` where it is explained, mostly at its end. A mark without an explanation stays what was written.
 */

const LABEL = String.raw`\[\^([^\]\s^]{1,40})\]`
const EXPLANATION = new RegExp(String.raw`^ {0,3}${LABEL}:[ \t]*([^\n]*(?:\n(?![ \t]*\n|[ \t]*$| {0,3}${LABEL}:)[^\n]+)*)(?:\n+|$)`)
const MARK = new RegExp(`^${LABEL}(?!:)`)

/** By label, the number of an explanation, in the order in which they stand. */
export type Footnotes = Map<string, number>

let known: Footnotes = new Map()

/** What the marks of the text that is read next refer to; explanations that are found are added. */
export function beginFootnotes(footnotes: Footnotes): void {
  known = footnotes
}

type Lexer = { inline(source: string, tokens: Token[]): Token[] }
type Explanation = { number: number; tokens: Token[] }

function explanations(this: { lexer: Lexer }, source: string): Tokens.Generic | undefined {
  let raw = ''
  const items: Explanation[] = []
  while (true) {
    const found = EXPLANATION.exec(source.slice(raw.length))
    if (!found) break
    const [all, label = '', text = ''] = found
    raw += all
    const number = known.get(label) ?? known.size + 1
    known.set(label, number)
    items.push({ number, tokens: this.lexer.inline(text, []) })
  }
  return raw === '' ? undefined : { type: 'footnotes', raw, items }
}

// The lines of a text are read after all of its blocks: by then every explanation is known.
function mark(source: string): Tokens.Generic | undefined {
  const [raw, label = ''] = MARK.exec(source) ?? []
  const number = known.get(label)
  return raw === undefined || number === undefined ? undefined : { type: 'footnote', raw, number }
}

type Renderer = { parser: { parseInline(tokens: Token[]): string } }

function explanationsHtml(this: Renderer, token: Tokens.Generic): string {
  const items: Explanation[] = token['items']
  const rows = items.map(
    ({ number, tokens }) =>
      `<li value="${number}" tabindex="-1">${this.parser.parseInline(tokens)} <button type="button" class="footnote" data-footnote-mark="${number}" aria-label="Back to the text">↩</button></li>`,
  )
  return `<section class="footnotes" aria-label="Footnotes"><ol>${rows.join('')}</ol></section>\n`
}

export const FOOTNOTES: TokenizerAndRendererExtension[] = [
  { name: 'footnotes', level: 'block', tokenizer: explanations, renderer: explanationsHtml },
  {
    name: 'footnote',
    level: 'inline',
    tokenizer: mark,
    renderer: ({ number }) =>
      `<sup><button type="button" class="footnote" data-footnote="${Number(number)}" aria-label="Footnote ${Number(number)}">${Number(number)}</button></sup>`,
  },
]
