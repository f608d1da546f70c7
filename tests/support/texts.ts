import { type Frame, isOpen, type LiveText, type Message } from '#contract'

type Answer = { readonly live: readonly LiveText[]; readonly messages: readonly Message[] }

/**
 * The texts of replies as a client that trusts nothing assembles them: a delta goes where its offset says, whatever it repeats has to be the
 * same, nothing may be missing, and a final row has to be what was streamed. The first violation is kept and thrown at the next read.
 */
export class LiveTexts {
  readonly #texts = new Map<string, string>()
  #held: Frame[] | null = null
  #fault: Error | null = null

  read(): ReadonlyMap<string, string> {
    if (this.#fault) throw this.#fault
    return this.#texts
  }

  /** Holds frames back until the returned function gets the answer of the join (null: it failed). */
  hold(): (answer: Answer | null) => void {
    this.#held ??= []
    return (answer) => {
      for (const row of answer?.messages ?? []) if (row.kind === 'reply') this.#texts.set(row.id, row.text)
      for (const { id, text } of answer?.live ?? []) this.#texts.set(id, text)
      const held = this.#held ?? []
      this.#held = null
      for (const frame of held) this.take(frame)
    }
  }

  take(frame: Frame): void {
    if (this.#held) {
      this.#held.push(frame)
      return
    }
    switch (frame[0]) {
      case 'delta':
        this.#append(frame[1], frame[2], frame[3])
        break
      case 'message':
        this.#row(frame[1])
        break
      case 'thought':
      case 'conversation':
      case 'people':
      case 'typing':
      case 'membership':
      case 'defaults':
      case 'arrangement':
      case 'gone':
        break
    }
  }

  #append(id: string, offset: number, text: string): void {
    const known = this.#texts.get(id) ?? ''
    if (offset > known.length) this.#blame(`reply ${id}: a delta at ${offset}, but only ${known.length} units are known`)
    const repeated = known.slice(offset, offset + text.length)
    if (!text.startsWith(repeated)) this.#blame(`reply ${id}: the delta at ${offset} repeats other text than was heard`)
    this.#texts.set(id, known + text.slice(repeated.length))
  }

  #row(row: Message): void {
    if (row.kind !== 'reply') return
    const known = this.#texts.get(row.id)
    if (isOpen(row.state)) {
      if (known === undefined) this.#texts.set(row.id, row.text)
      return
    }
    // A row without deltas before it is one of another run than was listened to.
    if (known && !row.deleted && known !== row.text)
      this.#blame(`reply ${row.id}: the final row has ${row.text.length} units, ${known.length} were heard, or they differ`)
    this.#texts.set(row.id, row.text)
  }

  #blame(message: string): void {
    this.#fault ??= new Error(message)
  }
}
