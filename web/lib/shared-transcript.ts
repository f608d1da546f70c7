import { isOpen, type Message, type SharedPage, type ShareFrame } from '#contract'
import { articleHtml, noticeHtml } from './article.ts'
import { putHtml } from './html.ts'
import { MarkdownView } from './markdown-view.ts'
import { clockTime, dayName, daysAgo, fullTime } from './time.ts'
import { UNTITLED } from './words.ts'

const FOLLOW_PX = 120

type Shown = { message: Message; text: string; element: HTMLElement; view: MarkdownView | null }

/** The transcript of a shared page, as the server has printed it and with everything that comes later. */
export class SharedTranscript {
  readonly #place: HTMLElement
  readonly #shown = new Map<string, Shown>()
  #lastId: string | null = null
  /** The place of the first message that is shown. */
  #from = 0
  /** Frames that came before the page. */
  #held: ShareFrame[] | null = []

  constructor(place: HTMLElement) {
    this.#place = place
  }

  /** A new connection: its page says how things are. */
  begin(): void {
    this.#held = []
  }

  /** False when something is missing, and only a new connection brings it. */
  take(frame: ShareFrame): boolean {
    if (frame[0] === 'page') {
      const held = this.#held ?? []
      this.#held = null
      this.#page(frame[1])
      return held.every((waiting) => this.take(waiting))
    }
    if (this.#held) {
      this.#held.push(frame)
      return true
    }
    switch (frame[0]) {
      case 'title':
        showTitle(frame[1])
        return true
      case 'head':
        return frame[1] === this.#lastId
      case 'message':
        return this.#message(frame[1])
      case 'delta':
        return this.#delta(frame[1], frame[2], frame[3])
    }
  }

  #page({ title, messages, live, earlierId }: SharedPage): void {
    showTitle(title)
    const texts = new Map(live.map(({ id, text }) => [id, text]))
    const ids = new Set(messages.map(({ id }) => id))
    for (const [id, { element }] of this.#shown) {
      if (ids.has(id)) continue
      element.remove()
      this.#shown.delete(id)
    }
    // What the server has printed and is older than this page stays above it.
    if (earlierId === null)
      for (const element of this.#place.querySelectorAll('article')) if (!ids.has(element.dataset['messageId'] ?? '')) element.remove()
    for (const message of messages) this.#put(message, texts.get(message.id) ?? message.text)
    this.#lastId = messages.at(-1)?.id ?? null
    this.#from = messages[0]?.position ?? 0
  }

  #message(message: Message): boolean {
    const known = this.#shown.get(message.id)
    // Of a part that is not on this page.
    if (!known && message.position < this.#from) return true
    if (message.deleted) {
      // What comes after it hangs on it, so the rest of the path has to be asked for.
      return known === undefined && message.id !== this.#lastId
    }
    if (!known && message.parentId !== this.#lastId)
      return message.parentId === null && this.#lastId === null ? this.#append(message) : false
    if (known && known.message.revision >= message.revision) return true
    if (!known) return this.#append(message)
    const open = message.kind === 'reply' && isOpen(message.state)
    this.#put(message, open && known.text.startsWith(message.text) ? known.text : message.text)
    return true
  }

  #append(message: Message): boolean {
    this.#put(message, message.text)
    this.#lastId = message.id
    return true
  }

  #delta(replyId: string, offset: number, text: string): boolean {
    const shown = this.#shown.get(replyId)
    // Its row comes before its first piece, unless it is one from before this page.
    if (!shown) return true
    if (offset > shown.text.length) return false
    const more = text.slice(shown.text.length - offset)
    if (more === '') return true
    shown.text += more
    const stay = following()
    shown.view?.grow(shown.text)
    if (stay) requestAnimationFrame(toEnd)
    return true
  }

  #put(message: Message, text: string): void {
    const stay = following()
    const known = this.#shown.get(message.id)
    const element = this.#element(message, text, known)
    const place = element.querySelector<HTMLElement>('.markdown')
    const view = place ? (known?.view ?? new MarkdownView(place)) : null
    this.#shown.set(message.id, { message, text, element, view })
    if (message.kind === 'reply') {
      element.dataset['state'] = message.state
      element.toggleAttribute('aria-busy', isOpen(message.state))
      if (isOpen(message.state)) view?.grow(text)
      else view?.finish(text)
      replaceNotice(element, noticeHtml(message))
    }
    if (stay) requestAnimationFrame(toEnd)
  }

  /** The article of a message: as it was printed, or a new one at the end. */
  #element(message: Message, text: string, known: Shown | undefined): HTMLElement {
    const printed = known?.element ?? this.#place.querySelector<HTMLElement>(`article[data-message-id="${CSS.escape(message.id)}"]`)
    // People's prompts change when they change places in the line.
    const stale = message.kind !== 'reply' && known !== undefined && known.text !== text
    if (printed && !stale) return printed
    const box = document.createElement('div')
    putHtml(box, articleHtml(message, text))
    const made = box.querySelector<HTMLElement>('article')
    if (!made) throw new Error('a message has no article')
    localTimes(made)
    if (printed) printed.replaceWith(made)
    else this.#place.append(made)
    return made
  }
}

function replaceNotice(element: HTMLElement, html: string): void {
  element.querySelector('[data-part="notice"]')?.remove()
  if (html === '') return
  const box = document.createElement('div')
  putHtml(box, html)
  element.querySelector('.message-body')?.append(...box.children)
}

function showTitle(title: string): void {
  const heading = document.querySelector('h1')
  if (heading) heading.textContent = title || UNTITLED
  document.title = `${title || UNTITLED} · Confab`
}

/** Times as the reader's own clock has them, and on which day, for a page may be read long after. */
export function localTimes(within: ParentNode): void {
  const now = Date.now()
  for (const element of within.querySelectorAll('time')) {
    const at = Date.parse(element.dateTime)
    element.textContent = daysAgo(at, now) <= 0 ? clockTime(at) : `${dayName(at, now)}, ${clockTime(at)}`
    element.title = fullTime(at)
  }
}

function following(): boolean {
  const { scrollHeight, clientHeight, scrollTop } = document.documentElement
  return scrollHeight - clientHeight - scrollTop < FOLLOW_PX
}

function toEnd(): void {
  document.documentElement.scrollTop = document.documentElement.scrollHeight
}
