import { actOnCode, foldLater, unfoldAtMatch } from './code-tools.ts'
import { colourLater } from './colour.ts'
import { putHtml } from './html.ts'
import { GrowingMarkdown, markdownBlocks } from './markdown.ts'
import type * as Maths from './maths.ts'

let maths: typeof Maths | null = null

/**
 * Shows Markdown in an element, each block of it in one of its own. While the text grows only its last block is replaced, at most once a frame; at
 * the end the whole is rendered once, because a reference at the end of a text may change a link at its beginning. What has been shown while
 * it grew is then the same, element by element, as what is shown of the whole text later.
 */
export class MarkdownView {
  #element: HTMLElement
  #growing: GrowingMarkdown | null = null
  #blocks: HTMLElement[] = []
  #frame = 0
  #text = ''

  constructor(element: HTMLElement) {
    this.#element = element
    element.addEventListener('click', actOnCode)
    element.addEventListener('scroll', unfoldAtMatch, { capture: true, passive: true })
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
    const final = markdownBlocks(text)
    const live = this.#growing
    if (live) this.#advance()
    else this.#clear()
    // Most blocks come out the same, and then what is on the screen stays: the colours of the code, and what the reader has selected.
    const shown = live?.blocks ?? []
    for (const block of this.#blocks.splice(final.length)) block.remove()
    for (const [index, html] of final.entries()) {
      const block = this.#blocks[index] ?? this.#add()
      if (html !== shown[index]) putHtml(block, html)
      const isNew = index >= shown.length - 1 || html !== shown[index]
      if (isNew) complete(block, live !== null)
    }
    this.#growing = null
  }

  destroy(): void {
    this.#cancelFrame()
    this.#element.removeEventListener('click', actOnCode)
    this.#element.removeEventListener('scroll', unfoldAtMatch, { capture: true })
  }

  #advance(): void {
    if (!this.#growing) this.#clear()
    this.#growing ??= new GrowingMarkdown()
    const { settled, open, reset } = this.#growing.update(this.#text)
    if (reset) this.#clear()
    let last = this.#blocks.at(-1) ?? this.#add()
    for (const html of settled) {
      putHtml(last, html)
      complete(last, true)
      last = this.#add()
    }
    putHtml(last, open)
    if (maths) maths.drawFormulas(last)
  }

  #add(): HTMLElement {
    const block = document.createElement('div')
    block.className = 'block'
    block.dir = 'auto'
    this.#blocks.push(block)
    return this.#element.appendChild(block)
  }

  #clear(): void {
    this.#element.replaceChildren()
    this.#blocks = []
  }

  #cancelFrame(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
  }
}

/** A block that will not change any more gets what takes longer: what that is made by comes with the first block that needs it. */
function complete(block: HTMLElement, live: boolean): void {
  if (live) foldLater(block)
  colourLater(block)
  // Without them, offline, the sources can still be read.
  if (block.querySelector('.math')) {
    if (maths) maths.drawFormulas(block)
    else
      void import('./maths.ts').then(
        (module) => {
          maths = module
          module.drawFormulas(block)
        },
        () => undefined,
      )
  }
  if (block.querySelector('[data-diagram=""]'))
    void import('./diagrams.ts').then(
      ({ drawDiagrams }) => drawDiagrams(block),
      () => undefined,
    )
}
