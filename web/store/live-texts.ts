import { isOpen, type Message } from '#contract'
import type { Clock } from './clock.ts'

/** Readers are told at most once per frame of the screen, however many chunks arrive. */
const FRAME_MS = 16
/** A finished text stays this long after its row was written: live queries deliver the row a moment after the commit. */
const SETTLE_MS = 1_000

type Entry = { text: string; dirty: boolean; cancelDrop: (() => void) | null }

/**
 * What a screen shows of a message. Of a reply that is being written, the longer of what this tab has heard and what the row has: another tab of
 * this browser may have heard more, and kept it.
 */
export function shownText(message: Message, live: (replyId: string) => string | null): string {
  const heard = message.kind === 'reply' && isOpen(message.state) ? live(message.id) : null
  return heard !== null && heard.length > message.text.length ? heard : message.text
}

/** The texts of replies that are being written, in the memory of one tab. Offsets are in UTF-16 code units. */
export class LiveTexts {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #changed = new Set<string>()
  #lastNotice = Number.NEGATIVE_INFINITY
  #cancelNotice: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** null: nothing is live, the row's text is the text. */
  get(replyId: string): string | null {
    return this.#entries.get(replyId)?.text ?? null
  }

  /** The text so far, as an answer of the server gives it. A text that is merely behind what is shown already changes nothing. */
  begin(replyId: string, text: string): void {
    const entry = this.#entry(replyId, '')
    if (!entry.text.startsWith(text)) this.#write(replyId, entry, text)
  }

  /**
   * Text that belongs at `offset`. What overlaps is dropped, so a chunk may come twice and late. `gap`: chunks before it are missing, and
   * nothing was changed. `base` is the text to start from when nothing is live yet.
   */
  append(replyId: string, offset: number, text: string, base: string): 'applied' | 'gap' {
    const length = (this.#entries.get(replyId)?.text ?? base).length
    if (offset > length) return 'gap'
    const entry = this.#entry(replyId, base)
    if (offset + text.length > length) this.#write(replyId, entry, entry.text + text.slice(length - offset))
    return 'applied'
  }

  /** The reply has ended with this text, which the store holds now. */
  settle(replyId: string, text: string): void {
    const entry = this.#entries.get(replyId)
    if (!entry) return
    if (entry.text !== text) this.#write(replyId, entry, text)
    entry.dirty = false
    entry.cancelDrop?.()
    entry.cancelDrop = this.#clock.after(SETTLE_MS, () => {
      this.#entries.delete(replyId)
      this.#notice(replyId)
    })
  }

  /** What changed since the last call. */
  takeDirty(): { id: string; text: string }[] {
    const dirty: { id: string; text: string }[] = []
    for (const [id, entry] of this.#entries) {
      if (!entry.dirty) continue
      entry.dirty = false
      dirty.push({ id, text: entry.text })
    }
    return dirty
  }

  watch(replyId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(replyId) ?? new Set()
    this.#listeners.set(replyId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(replyId) === listeners) this.#listeners.delete(replyId)
    }
  }

  /** Nothing changes any more. A page that waits to be reloaded goes on showing what it has shown. */
  stop(): void {
    this.#cancelNotice?.()
    for (const entry of this.#entries.values()) entry.cancelDrop?.()
  }

  #entry(replyId: string, base: string): Entry {
    const found = this.#entries.get(replyId)
    if (found) return found
    const entry: Entry = { text: base, dirty: false, cancelDrop: null }
    this.#entries.set(replyId, entry)
    return entry
  }

  #write(replyId: string, entry: Entry, text: string): void {
    entry.text = text
    entry.dirty = true
    // A reply that goes on was settled a moment ago.
    entry.cancelDrop?.()
    entry.cancelDrop = null
    this.#notice(replyId)
  }

  #notice(replyId: string): void {
    this.#changed.add(replyId)
    if (this.#cancelNotice) return
    const waitMs = this.#lastNotice + FRAME_MS - this.#clock.now()
    if (waitMs <= 0) this.#tell()
    else this.#cancelNotice = this.#clock.after(waitMs, () => this.#tell())
  }

  #tell(): void {
    this.#cancelNotice = null
    this.#lastNotice = this.#clock.now()
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const id of changed) for (const listener of [...(this.#listeners.get(id) ?? [])]) listener()
  }
}
