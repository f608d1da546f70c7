/**
 * Stands between what is being typed and the store that keeps it. The store reports every change, also those made here: only a text
 * that came from elsewhere (another tab, a message that was given up, a reload) is taken over, and only while nobody has typed here.
 */
export class DraftKeeper {
  #save: (conversationId: string, text: string, by: string) => Promise<void>
  /** What this box has written is never news to it: it may be reported late, when the box holds something else or has sent it. */
  #id = ''
  #conversationId: string | null = null
  #text = ''
  /** What was taken over from the store and not touched since. */
  #taken = ''
  /** What the box holds since a command has put a text before what was in it. */
  #put = ''
  /** What was sent last and may still be reported as the draft, until the store says that the draft is gone. */
  #sent: string | null = null
  /** By room, what is to be saved when the save that runs has ended. */
  readonly #waiting = new Map<string, string>()
  /** The room whose draft is being saved. */
  #saving: string | null = null

  constructor(save: (conversationId: string, text: string, by: string) => Promise<void>) {
    this.#save = save
  }

  /** Another room. */
  enter(conversationId: string | null): void {
    // A new one for every visit: what was written on an earlier one has to come back.
    this.#id = Math.random().toString(36).slice(2)
    this.#conversationId = conversationId
    this.#text = ''
    this.#taken = ''
    this.#put = ''
    this.#sent = null
  }

  /** Saves at once: a page that goes away ends every write that has not begun, so that nothing can be put off until then. */
  typed(text: string): void {
    this.#text = text
    this.#taken = ''
    if (this.#conversationId === null) return
    this.#waiting.set(this.#conversationId, text)
    if (this.#saving === null) void this.#run()
  }

  /** The command that sends clears the stored draft itself. */
  sent(text: string): void {
    if (this.#conversationId !== null) this.#waiting.delete(this.#conversationId)
    this.#text = ''
    this.#sent = text
  }

  /** The text to show instead, or null when what is in the box stays. */
  incoming(stored: string, by = ''): string | null {
    if (stored === '') this.#sent = null
    if (by === this.#id) return null
    // A command has put a text before what is in the box.
    if (by === '' && this.#text !== '' && stored !== this.#text && stored.endsWith(this.#text)) {
      this.#text = stored
      this.#taken = ''
      this.#put = stored
      return stored
    }
    // It takes it back, and nobody has typed since.
    if (by === '' && stored !== '' && this.#text === this.#put && stored !== this.#put && this.#put.endsWith(stored)) {
      this.#text = stored
      this.#put = ''
      return stored
    }
    // While it is being saved here, the store may report what this box held some keys ago.
    if (this.#isSaving() || stored === this.#text || stored === this.#sent) return null
    if (this.#text !== '' && this.#text !== this.#taken) return null
    this.#text = stored
    this.#taken = stored
    return stored
  }

  async #run(): Promise<void> {
    for (const [conversationId, text] of this.#waiting) {
      this.#saving = conversationId
      this.#waiting.delete(conversationId)
      // What could not be saved is still in the box.
      await this.#save(conversationId, text, this.#id).catch(() => undefined)
    }
    this.#saving = null
  }

  #isSaving(): boolean {
    return this.#saving !== null && this.#saving === this.#conversationId
  }
}
