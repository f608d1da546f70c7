import { isOpen, type Message } from '#contract'
import type { Clock } from './clock.ts'

/** What was thought stays this long after its row was written: live queries deliver the row a moment after the commit. */
const SETTLE_MS = 1_000

type Entry = { text: string; cancelDrop: (() => void) | null }

/**
 * What a screen shows of what the model thought, in Markdown; null: nothing is known of it. The longer of what this tab has heard and what the row
 * has: of a reply that was gone on with, the row may have thoughts that were not heard here.
 */
export function shownThoughts(message: Message, live: (replyId: string) => string | null): string | null {
  if (message.kind !== 'reply' || message.deleted) return null
  const stored = message.thoughts?.text ?? null
  const heard = isOpen(message.state) || stored === null ? live(message.id) : null
  return heard !== null && heard.length > (stored ?? '').length ? heard : stored
}

/** What models think right now, in the memory of one tab: a few words each now and then. Offsets are in UTF-16 code units. */
export class LiveThoughts {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #listeners = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** null: nothing was heard. */
  get(replyId: string): string | null {
    return this.#entries.get(replyId)?.text ?? null
  }

  /** All of them so far, as an answer of the server gives them: it knows of everything that was heard before. */
  begin(replyId: string, text: string): void {
    if (text !== '' && this.get(replyId) !== text) this.#write(replyId, text)
  }

  /** What overlaps is dropped. `gap`: something before it is missing, and nothing was changed. */
  append(replyId: string, offset: number, text: string): 'applied' | 'gap' {
    const entry = this.#entries.get(replyId)
    // After its end a reply that goes on thinks anew.
    const before = entry === undefined || entry.cancelDrop !== null ? '' : entry.text
    if (offset > before.length) return 'gap'
    if (offset + text.length > before.length) this.#write(replyId, before + text.slice(before.length - offset))
    return 'applied'
  }

  /** The reply has ended, and the store holds it now. */
  settle(replyId: string): void {
    const entry = this.#entries.get(replyId)
    if (!entry || entry.cancelDrop) return
    entry.cancelDrop = this.#clock.after(SETTLE_MS, () => {
      this.#entries.delete(replyId)
      this.#tell(replyId)
    })
  }

  watch(replyId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(replyId) ?? new Set()
    this.#listeners.set(replyId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(replyId) === listeners) this.#listeners.delete(replyId)
    }
  }

  stop(): void {
    for (const { cancelDrop } of this.#entries.values()) cancelDrop?.()
  }

  #write(replyId: string, text: string): void {
    this.#entries.get(replyId)?.cancelDrop?.()
    this.#entries.set(replyId, { text, cancelDrop: null })
    this.#tell(replyId)
  }

  #tell(replyId: string): void {
    for (const listener of [...(this.#listeners.get(replyId) ?? [])]) listener()
  }
}
