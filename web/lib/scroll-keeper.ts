import { type Box, isAtEnd, keptTop, nextFollowing } from './scroll.ts'

/** Less than the space between two messages: what is first in view is then what was gone to. */
const MARGIN_PX = 16

type Anchor = { element: Element; offset: number }

/**
 * Keeps a scrolled list still under the reader's eyes: at its end while the reader is there, otherwise at what is at the top of the
 * view, whatever grows, shrinks or is put before it. Starts at the end. `onchange` tells whether the end is being followed.
 */
export class ScrollKeeper {
  #scroller: HTMLElement
  #content: HTMLElement
  #onchange: (following: boolean) => void
  #following = true
  #before: Box
  /** The end of the list is the end of what there is; otherwise reaching it means to read on, not to follow. */
  ends = true
  /** The reader wants to be at the end, which is not in the list yet. */
  #bound = false
  /** The block at the top of the view and the message around it: while a text grows its last block is replaced. */
  #anchors: Anchor[] = []

  constructor(scroller: HTMLElement, content: HTMLElement, onchange: (following: boolean) => void) {
    this.#scroller = scroller
    this.#content = content
    this.#onchange = onchange
    this.#before = this.#box()
  }

  start(): () => void {
    // It fires after the layout and before the picture, so nothing is ever seen in the wrong place.
    const sizes = new ResizeObserver(() => this.#settle())
    sizes.observe(this.#scroller)
    sizes.observe(this.#content)
    const moved = () => this.#moved()
    const held = (event: Event) => event instanceof CustomEvent && event.target instanceof Element && this.#hold(event.target, event.detail)
    this.#scroller.addEventListener('scroll', moved, { passive: true })
    this.#scroller.addEventListener('hold', held)
    return () => {
      sizes.disconnect()
      this.#scroller.removeEventListener('hold', held)
      this.#scroller.removeEventListener('scroll', moved)
    }
  }

  toEnd(): void {
    this.#bound = true
    this.#follow(true)
    this.#settle()
  }

  /** Puts an element to the top of the view and keeps it there. */
  toElement(element: Element): void {
    this.#hold(element, this.#scroller.getBoundingClientRect().top + MARGIN_PX)
    // Where there was nothing to scroll no event says so.
    requestAnimationFrame(() => this.#moved())
  }

  /** Keeps an element at a height of the window, in pixels: an event `hold` from it asks for that. */
  #hold(element: Element, top: number): void {
    this.#bound = false
    this.#follow(false)
    this.#scroller.scrollTop += element.getBoundingClientRect().top - top
    this.#before = this.#box()
    this.#anchors = [{ element, offset: this.#offset(element) }]
  }

  #moved(): void {
    const now = this.#box()
    this.#follow((this.ends || this.#bound) && nextFollowing(this.#following, this.#before, now))
    this.#bound = this.#bound && this.#following && !this.ends
    // Rows that came in the same frame have moved what the reader had before them, and nothing has put it back yet.
    if (!this.#following && now.height !== this.#before.height) this.#restore(now.top - this.#before.top)
    this.#before = this.#box()
    this.#remember()
  }

  #settle(): void {
    if (this.#following && !this.#isWrittenIn()) this.#scroller.scrollTop = this.#scroller.scrollHeight
    else this.#restore(0)
    this.#before = this.#box()
    // The end has come to the reader, and no event may say so.
    if (this.ends && isAtEnd(this.#before)) this.#follow(true)
  }

  /** Puts what was at the top of the view back to its place; `scrolled`: how far the reader has moved on since it was noted. */
  #restore(scrolled: number): void {
    const anchor = this.#anchors.find(({ element }) => element.isConnected)
    if (!anchor) return
    this.#scroller.scrollTop = keptTop(this.#scroller.scrollTop, anchor.offset - scrolled, this.#offset(anchor.element))
  }

  /** Following waits while a message is being edited: its box must not be scrolled out of view. */
  #isWrittenIn(): boolean {
    const { activeElement } = document
    return activeElement instanceof HTMLTextAreaElement && this.#content.contains(activeElement)
  }

  #remember(): void {
    this.#anchors = []
    if (this.#following) return
    const message = this.#firstInView(this.#content.querySelectorAll('article'))
    if (!message) return
    const block = this.#firstInView(message.querySelectorAll('[data-part="text"] .block > *'))
    for (const element of block ? [block, message] : [message]) this.#anchors.push({ element, offset: this.#offset(element) })
  }

  #firstInView(elements: Iterable<Element>): Element | null {
    const top = this.#scroller.getBoundingClientRect().top
    for (const element of elements) if (element.getBoundingClientRect().bottom > top) return element
    return null
  }

  #offset(element: Element): number {
    return element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top
  }

  #follow(following: boolean): void {
    if (following === this.#following) return
    this.#following = following
    this.#onchange(following)
  }

  #box(): Box {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    return { top: scrollTop, height: scrollHeight, viewport: clientHeight }
  }
}
