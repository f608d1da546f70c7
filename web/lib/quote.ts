import { composerBox, writeInComposer } from './composer-box.ts'

/** Lines of a quotation, as Markdown has them. */
export function quoted(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? '>' : `> ${line}`))
    .join('\n')
}

/** Puts a quotation behind what stands in the composer, and the cursor behind it. False: nobody can write here. */
export function quoteInComposer(text: string): boolean {
  const box = composerBox()
  if (!box) return false
  const { value } = box
  const gap = value === '' ? '' : '\n'.repeat(Math.max(0, 2 - (/\n*$/.exec(value)?.[0].length ?? 0)))
  writeInComposer(`${gap}${quoted(text)}\n\n`, [value.length, value.length])
  box.scrollTop = box.scrollHeight
  return true
}

/** What is selected within the texts of messages; null: nothing. `within`: only of this element. */
export function selectedWords(within: Element): { words: string; range: Range } | null {
  const selection = getSelection()
  const range = selection?.rangeCount === 1 ? selection.getRangeAt(0) : null
  const words = selection?.toString().trim() ?? ''
  if (!range || range.collapsed || words === '' || !within.contains(range.commonAncestorContainer)) return null
  const { startContainer: first } = range
  const text = (first instanceof Element ? first : first.parentElement)?.closest('[data-part="text"]')
  return text ? { words, range } : null
}
