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
  const box = document.getElementById('message')
  if (!(box instanceof HTMLTextAreaElement)) return false
  const { value } = box
  const gap = value === '' ? '' : '\n'.repeat(Math.max(0, 2 - (/\n*$/.exec(value)?.[0].length ?? 0)))
  const words = `${gap}${quoted(text)}\n\n`
  box.focus()
  box.setSelectionRange(value.length, value.length)
  // As if it were typed: it can be undone, and whoever listens to the box hears of it.
  if (!document.execCommand('insertText', false, words)) {
    box.setRangeText(words, value.length, value.length, 'end')
    box.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertText', data: words }))
  }
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
