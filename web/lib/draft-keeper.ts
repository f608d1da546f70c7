const SAVE_MS = 300

/**
 * Stands between what is being typed and the store that keeps it. The store reports every change, also those made here: only a text
 * that came from elsewhere (another tab, a message that was given up, a reload) is taken over, and only while nobody has typed here.
 */
export class DraftKeeper {
  #save: (conversationId: string, text: string) => Promise<void>
  #conversationId: string | null = null
  #text = ''
  /** What was taken over from the store and not touched since. */
  #taken = ''
  /** What was sent last and may still be reported as the draft, until the store says that the draft is gone. */
  #sent: string | null = null
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(save: (conversationId: string, text: string) => Promise<void>) {
    this.#save = save
  }

  /** Another room: what was typed in the one before is kept. */
  enter(conversationId: string | null): void {
    this.flush()
    this.#conversationId = conversationId
    this.#text = ''
    this.#taken = ''
    this.#sent = null
  }

  typed(text: string): void {
    this.#text = text
    this.#taken = ''
    this.#cancel()
    this.#timer = setTimeout(() => this.flush(), SAVE_MS)
  }

  /** The command that sends clears the stored draft itself. */
  sent(text: string): void {
    this.#cancel()
    this.#text = ''
    this.#sent = text
  }

  /** The text to show instead, or null when what is in the box stays. */
  incoming(stored: string): string | null {
    if (stored === '') this.#sent = null
    if (stored === this.#text || stored === this.#sent) return null
    if (this.#text !== '' && this.#text !== this.#taken) return null
    this.#text = stored
    this.#taken = stored
    return stored
  }

  /** Saves at once what is not saved yet. */
  flush(): void {
    if (this.#timer === null) return
    this.#cancel()
    if (this.#conversationId !== null) void this.#save(this.#conversationId, this.#text)
  }

  #cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
