/** As it is stored: see `Draft` of the store. */
type Stored = { readonly text: string; readonly by?: string; readonly at?: number }
type Save = (conversationId: string, text: string, by: string, at: number) => Promise<void>

/**
 * Stands between what is being typed and the store that keeps it for all tabs. Of two texts the one counts that was typed last, here or in another tab;
 * so nothing replaces what is being typed. The store reports every change, also those made here, and sometimes late.
 */
export class DraftKeeper {
  readonly #save: Save
  /** What this box has written is never news to it: it may be reported when the box holds something else or has sent it. */
  #id = ''
  #conversationId: string | null = null
  #text = ''
  /** When the text was typed; before everything when nothing was. */
  #at = -1
  /** The store has said what it has. Until then nothing is saved: what is typed goes behind what is there. */
  #loaded = false
  /** By room, what is to be saved when the save that runs has ended. */
  readonly #waiting = new Map<string, { text: string; by: string; at: number }>()
  #saving = false

  constructor(save: Save) {
    this.#save = save
  }

  /** Another room. Returns what is in the box then: what was written before there was any room belongs to the first one. */
  enter(conversationId: string | null): string {
    const carried = this.#conversationId === null ? this.#text : ''
    // A new one for every visit: what was written on an earlier one has to come back.
    this.#id = Math.random().toString(36).slice(2)
    this.#conversationId = conversationId
    this.#text = ''
    this.#at = -1
    this.#loaded = false
    if (carried !== '') this.#change(carried)
    return carried
  }

  /** Saves at once: a page that goes away ends every write that has not begun, so that nothing can be put off until then. */
  typed(text: string): void {
    this.#change(text)
    if (this.#conversationId === null || !this.#loaded) return
    this.#waiting.set(this.#conversationId, { text, by: this.#id, at: this.#at })
    if (!this.#saving) void this.#run()
  }

  /** The command that sends clears the stored draft itself, as that of this box at this moment; null: it was another one. */
  sent(): { by: string; at: number } | null {
    if (this.#conversationId !== null) this.#waiting.delete(this.#conversationId)
    this.#change('')
    return this.#loaded ? { by: this.#id, at: this.#at } : null
  }

  /** The text to show instead, or null when what is in the box stays. */
  incoming(stored: Stored | undefined): string | null {
    const { text, by, at = 0 } = stored ?? { text: '', at: -1 }
    if (!this.#loaded) return this.#load(text, at)
    if (by === this.#id) return null
    if (at > this.#at) {
      this.#text = text
      this.#at = at
      return text
    }
    // A command has put a text before what was in the box, and was not told yet what was typed since.
    if (by || this.#text === '' || text === this.#text || !text.endsWith(this.#text)) return null
    this.typed(text)
    return text
  }

  #load(text: string, at: number): string | null {
    this.#loaded = true
    if (this.#at === -1) {
      this.#text = text
      this.#at = at
      return text
    }
    this.#at = Math.max(this.#at, at)
    const whole = text + this.#text
    if (this.#text !== '') this.typed(whole)
    return whole
  }

  // Always later than what it changes, also when the clock of the device was set back.
  #change(text: string): void {
    this.#text = text
    this.#at = Math.max(Date.now(), this.#at + 1)
  }

  async #run(): Promise<void> {
    this.#saving = true
    for (const [conversationId, { text, by, at }] of this.#waiting) {
      this.#waiting.delete(conversationId)
      // What could not be saved is still in the box.
      await this.#save(conversationId, text, by, at).catch(() => undefined)
    }
    this.#saving = false
  }
}
