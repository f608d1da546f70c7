import { copyText } from './clipboard.ts'
import { putHtml } from './html.ts'
import { GrowingMarkdown, markdownToHtml } from './markdown.ts'

const COPIED_MS = 1_500

/**
 * Shows Markdown in an element. While the text grows only its last block is replaced, at most once a frame; at the end the whole
 * is rendered once, because a reference at the end of a text may change a link at its beginning.
 */
export class MarkdownView {
  #element: HTMLElement
  #growing = new GrowingMarkdown()
  #open: HTMLElement | null = null
  #frame = 0
  #text = ''

  constructor(element: HTMLElement) {
    this.#element = element
    element.addEventListener('click', copyCode)
  }

  /** The text so far; more will come. */
  grow(text: string): void {
    this.#text = text
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      this.#advance()
    })
  }

  /** The text as it will stay. */
  finish(text: string): void {
    this.#cancelFrame()
    this.#text = text
    const html = markdownToHtml(text)
    if (this.#open) this.#advance()
    // Most texts come out the same, and then what is on the screen stays: the colours of the code, and what the reader has selected.
    if (!this.#open || this.#growing.html !== html) {
      this.#element.replaceChildren()
      putHtml(this.#block(), html)
    }
    this.#open = null
    this.#growing = new GrowingMarkdown()
    colour(this.#element)
  }

  destroy(): void {
    this.#cancelFrame()
    this.#element.removeEventListener('click', copyCode)
  }

  #advance(): void {
    const { settled, open, reset } = this.#growing.update(this.#text)
    if (reset || !this.#open) this.#element.replaceChildren()
    if (reset || !this.#open) this.#open = this.#block()
    for (const html of settled) {
      putHtml(this.#open, html)
      colour(this.#open)
      this.#open = this.#block()
    }
    putHtml(this.#open, open)
  }

  #block(): HTMLElement {
    const block = document.createElement('div')
    block.className = 'block'
    return this.#element.appendChild(block)
  }

  #cancelFrame(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
  }
}

function colour(element: HTMLElement): void {
  const codes = [...element.querySelectorAll<HTMLElement>('code[data-language]:not([data-language=""], [data-coloured])')]
  if (codes.length === 0) return
  for (const code of codes) code.dataset['coloured'] = ''
  void import('./highlight.ts').then(
    ({ highlight }) => {
      for (const code of codes) {
        const html = highlight(code.textContent, code.dataset['language'] ?? '')
        if (html !== null) putHtml(code, html)
      }
    },
    // Without the colours the code is still there; offline they may not have been fetched yet.
    () => undefined,
  )
}

async function copyCode(event: Event): Promise<void> {
  const button = event.target instanceof Element ? event.target.closest('button[data-copy]') : null
  const code = button?.closest('.code')?.querySelector('code')
  if (!button || !code) return
  button.textContent = (await copyText(code.textContent)) ? 'Copied' : 'Not copied'
  setTimeout(() => (button.textContent = 'Copy'), COPIED_MS)
}
