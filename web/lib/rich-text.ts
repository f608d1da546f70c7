import { htmlOf, putHtml } from './html.ts'
import { markdownToHtml } from './markdown.ts'

/**
 * Puts a text on the clipboard twice: as it was written, and as other programs show it, with headings, lists and tables. False when the browser would
 * not.
 */
export async function copyRich(text: string, isMarkdown: boolean): Promise<boolean> {
  const html = htmlOf(isMarkdown ? plainElements(text) : lines(text))
  try {
    const forms = { 'text/html': html, 'text/plain': text }
    const blobs = Object.entries(forms).map(([type, form]) => [type, new Blob([form], { type })] as const)
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))])
    return true
  } catch {
    return copyByEvent(text, html)
  }
}

/** The rendered text without what belongs to this page only: its buttons, its boxes, its classes. */
function plainElements(text: string): HTMLElement {
  const box = document.createElement('div')
  putHtml(box, markdownToHtml(text))
  for (const tools of box.querySelectorAll('.code-bar, .code-more, [data-footnote-mark]')) tools.remove()
  for (const wrap of box.querySelectorAll('.code, .table, .task, button')) wrap.replaceWith(...wrap.childNodes)
  for (const formula of box.querySelectorAll<HTMLElement>('.math')) {
    const mark = formula.dataset['math'] === 'display' ? '$$' : '$'
    const element = document.createElement(formula.tagName === 'DIV' ? 'p' : 'span')
    element.textContent = `${mark}${formula.textContent}${mark}`
    formula.replaceWith(element)
  }
  for (const element of box.querySelectorAll('*'))
    for (const { name } of [...element.attributes]) if (!/^(href|start|value|align)$/.test(name)) element.removeAttribute(name)
  return box
}

function lines(text: string): HTMLElement {
  const box = document.createElement('div')
  const paragraph = box.appendChild(document.createElement('p'))
  for (const [index, line] of text.split('\n').entries()) paragraph.append(...(index > 0 ? [document.createElement('br')] : []), line)
  return box
}

// Over plain http on another machine there is no navigator.clipboard.
function copyByEvent(text: string, html: string): boolean {
  const put = (event: ClipboardEvent) => {
    event.preventDefault()
    event.clipboardData?.setData('text/html', html)
    event.clipboardData?.setData('text/plain', text)
  }
  document.addEventListener('copy', put, { once: true })
  const copied = document.execCommand('copy')
  document.removeEventListener('copy', put)
  return copied
}
