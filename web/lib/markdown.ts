import { Marked, type Token, type Tokens } from 'marked'
import { escapeAll, escapeText } from './escape.ts'
import { codeHtml } from './markdown-code.ts'
import { beginFootnotes, FOOTNOTES, type Footnotes } from './markdown-footnotes.ts'
import { FORMULAS } from './markdown-math.ts'

const PROTOCOLS = new Set(['http:', 'https:', 'mailto:'])
const TOP_LEVEL = 1

/*
 * The text of a model is hostile until shown otherwise. Every renderer that could let a character through is replaced: raw HTML is
 * shown as text, links keep only absolute addresses of three protocols, and a picture is a link, because fetching it would tell its
 * server what was read here.
 */
const marked = new Marked({
  gfm: true,
  renderer: { html, text, code: codeHtml, codespan, heading, checkbox, table, tablecell, link, image },
})
marked.use({ extensions: [...FORMULAS, ...FOOTNOTES] })

let insideLink = false
/** Of the last heading: the page's own h1 stands before every text. */
let level = TOP_LEVEL

/** Quotes and lists inside of each other, at the beginning of a line: deeper than this nobody reads, and the parser's stack and time run out. */
const DEEPEST = 40
const MARK = '(?:>|(?:[-*+]|\\d{1,9}[.)])[ \\t])'
const TOO_DEEP = new RegExp(`^(?:[ \\t]*${MARK}){${DEEPEST}}|^[ \\t]{${DEEPEST * 4},}${MARK}`, 'm')
const TOO_DEEP_INSIDE = new RegExp(`[\\[*_~]{${DEEPEST * 10}}`)

/** Whether a text would be rendered as it is written, rather than as Markdown. */
export function isTooDeep(source: string): boolean {
  return TOO_DEEP.test(source) || TOO_DEEP_INSIDE.test(source)
}

/** Markdown to HTML in which nothing of the source is markup. */
export function markdownToHtml(source: string): string {
  return markdownBlocks(source).join('')
}

/** The same in pieces: one for each block of the text that can be seen. */
export function markdownBlocks(source: string): string[] {
  if (isTooDeep(source)) return [asWritten(source)]
  beginFootnotes(new Map())
  const tokens = marked.lexer(source)
  level = TOP_LEVEL
  return renderEach(tokens, tokens.links)
}

function asWritten(source: string): string {
  return `<p class="as-written">${escapeAll(source)}</p>\n`
}

export type Blocks = {
  /** HTML of the blocks that no later text can change; only ever appended to, unless `reset`. */
  settled: string[]
  /** HTML of the block that is still growing. */
  open: string
  /** The text is not a continuation of the one before: what was shown has to go. */
  reset: boolean
}

/** Renders a text that grows at its end. Each update parses only from the last settled block on. */
export class GrowingMarkdown {
  #source = ''
  #settledLength = 0
  #settled: string[] = []
  #open = ''
  #footnotes: Footnotes = new Map()
  #deep = false
  /** Of the last settled heading. */
  #level = TOP_LEVEL

  /** Takes the whole text so far and returns the newly settled blocks. */
  update(source: string): Blocks {
    const continues = source.startsWith(this.#source.slice(0, this.#settledLength))
    // What is settled has been looked at, and what was too deep once stays it.
    const deep = (continues && this.#deep) || isTooDeep(continues ? source.slice(this.#settledLength) : source)
    const reset = deep || !continues
    this.#deep = deep
    if (reset) {
      this.#settledLength = 0
      this.#settled = []
      this.#level = TOP_LEVEL
      this.#footnotes = new Map()
    }
    this.#source = source
    if (deep) {
      this.#open = asWritten(source)
      return { settled: [], open: this.#open, reset }
    }
    beginFootnotes(this.#footnotes)
    const tokens = marked.lexer(source.slice(this.#settledLength))
    const { links } = tokens
    let last = tokens.length - 1
    while (last > 0 && tokens[last]?.type === 'space') last--
    const done = tokens.slice(0, Math.max(last, 0))
    level = this.#level
    const settled = renderEach(done, links)
    this.#settled.push(...settled)
    this.#level = level
    this.#settledLength += done.reduce((length, token) => length + token.raw.length, 0)
    this.#open = render(Object.assign(tokens.slice(Math.max(last, 0)), { links }))
    return { settled, open: this.#open, reset }
  }

  /** What has been returned so far. */
  get blocks(): string[] {
    return this.#open === '' ? [...this.#settled] : [...this.#settled, this.#open]
  }
}

function renderEach(tokens: Token[], links: object): string[] {
  return tokens.map((token) => render(Object.assign([token], { links }))).filter((html) => html !== '')
}

function render(tokens: Token[]): string {
  insideLink = false
  return marked.parser(tokens)
}

function html({ text: raw }: Tokens.HTML | Tokens.Tag): string {
  return escapeAll(raw)
}

// The stock renderer lets text after an unclosed <pre> or <script> through as it is.
function text(this: Renderer, token: Tokens.Text | Tokens.Escape): string {
  return 'tokens' in token && token.tokens ? this.parser.parseInline(token.tokens) : escapeText(token.text)
}

function codespan({ text: code }: Tokens.Codespan): string {
  return `<code>${escapeAll(code)}</code>`
}

// The room's own heading is the h1. Below it no level may be left out, or those who jump from heading to heading lose their way.
function heading(this: Renderer, { tokens, depth }: Tokens.Heading): string {
  level = Math.min(depth + TOP_LEVEL, level + 1, 6)
  return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`
}

function checkbox({ checked }: Tokens.Checkbox): string {
  return checked ? '<span class="task done">☑</span> ' : '<span class="task">☐</span> '
}

function table(this: Renderer, { header, rows }: Tokens.Table): string {
  const row = (cells: Tokens.TableCell[]) => `<tr>${cells.map((cell) => tablecell.call(this, cell)).join('')}</tr>`
  return `<div class="table" tabindex="0"><table><thead>${row(header)}</thead><tbody>${rows.map(row).join('')}</tbody></table></div>\n`
}

function tablecell(this: Renderer, { tokens, header, align }: Tokens.TableCell): string {
  const tag = header ? 'th' : 'td'
  return `<${tag}${align ? ` align="${align}"` : ''}>${this.parser.parseInline(tokens)}</${tag}>`
}

function link(this: Renderer, { href, tokens, text: literal, autolink }: Tokens.Link): string {
  const url = address(href)
  if (url === null || insideLink) return autolink ? escapeAll(literal) : this.parser.parseInline(tokens)
  insideLink = true
  const content = autolink ? escapeAll(literal) : this.parser.parseInline(tokens)
  insideLink = false
  return anchor(url, content)
}

function image({ href, text: alt }: Tokens.Image): string {
  const url = address(href)
  const label = escapeText(alt) || 'picture'
  return url === null || insideLink ? label : anchor(url, label)
}

function anchor(url: string, content: string): string {
  return `<a href="${escapeAll(url)}" target="_blank" rel="noopener noreferrer nofollow">${content}</a>`
}

function address(href: string): string | null {
  if (!URL.canParse(href)) return null
  const url = new URL(href)
  return PROTOCOLS.has(url.protocol) ? url.href : null
}

type Renderer = { parser: { parseInline(tokens: Token[]): string } }
