import type { Tokens } from 'marked'
import { escapeAll } from './escape.ts'

/** Code with more lines than this is folded; the style sheet says to how many. */
const LONG_LINES = 24
const DIAGRAM = 'mermaid'
const CLOSED = /\n {0,3}(?:`{3,}|~{3,})[ \t]*\n*$/

/**
 * A block of code with its tools. A diagram is one only when its fence is closed: before, it is a piece of a diagram. Without a script the tools are
 * not shown and nothing is folded.
 */
export function codeHtml({ text: source, lang, raw }: Tokens.Code): string {
  const language = /^[\w+#.-]{1,24}/.exec(lang ?? '')?.[0] ?? ''
  const name = language.toLowerCase()
  const lines = source.split('\n').length
  const long = lines > LONG_LINES
  const diagram = name === DIAGRAM && CLOSED.test(raw)
  const tools = [
    diagram ? tool('source', 'Source', true) : '',
    tool('wrap', 'Wrap', true),
    tool('download', 'Download'),
    tool('copy', 'Copy'),
  ]
  const bar = `<div class="code-bar"><span>${escapeAll(language)}</span><div>${tools.join('')}</div></div>`
  const more = long ? `<button type="button" class="code-more" data-code="fold" aria-expanded="false">Show all ${lines} lines</button>` : ''
  return `<div class="code"${diagram ? ' data-diagram' : ''}${long ? ' data-folded' : ''}>${bar}<pre tabindex="0"><code data-language="${escapeAll(name)}">${escapeAll(source)}\n</code></pre>${more}</div>\n`
}

function tool(name: string, words: string, pressed = false): string {
  return `<button type="button" class="quiet" data-code="${name}"${pressed ? ' aria-pressed="false"' : ''}>${words}</button>`
}
