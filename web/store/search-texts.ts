import { liveQuery } from 'dexie'
import { fold, isOpen, placeOf, type SearchHit, snippet, type Term } from '#contract'
import type { Database, StoredMessage } from './database.ts'
import { placed, unplaced } from './places.ts'

/** Being at the beginning of a word is worth as much as being so much younger. */
const WORD_MS = 30 * 24 * 60 * 60 * 1000

type Kept = { readonly message: StoredMessage; readonly plain: string }
type RoomTexts = { readonly version: string; readonly messages: readonly Kept[] }

/** The texts of all messages that a store has, in memory and folded; a room that has changed is read again. */
export class SearchTexts {
  readonly #db: Database
  readonly #rooms = new Map<string, RoomTexts>()
  #sorted: readonly Kept[] | null = null
  #reading = Promise.resolve()

  constructor(db: Database) {
    this.#db = db
  }

  /** Reads everything, and from then on what changes, until the result is called. `onchange`: other texts are there. */
  start(onchange: () => void): () => void {
    const subscription = liveQuery(() => this.#versions()).subscribe((versions) => {
      this.#reading = this.#reading.then(() => this.#read(versions, onchange)).catch(reportError)
    })
    return () => subscription.unsubscribe()
  }

  /** Messages that have every term, the best first: newer ones, and those where it is the beginning of a word. */
  find(terms: readonly Term[], limit: number): SearchHit[] {
    if (terms.length === 0) return []
    const found: { kept: Kept; worth: number }[] = []
    for (const kept of this.#newestFirst()) {
      // What is older cannot be worth as much as the last of those that are shown.
      const last = found[limit - 1]
      if (last && kept.message.createdAt + terms.length * WORD_MS <= last.worth) break
      if (!terms.every(({ text }) => kept.plain.includes(text))) continue
      const atWords = terms.filter((term) => startsWord(kept.plain, placeOf(kept.plain, term))).length
      const worth = kept.message.createdAt + atWords * WORD_MS
      if (last && worth <= last.worth) continue
      const at = found.findLastIndex((other) => other.worth >= worth) + 1
      found.splice(at, 0, { kept, worth })
      if (found.length > limit) found.pop()
    }
    return found.map(({ kept }) => toHit(kept.message, terms))
  }

  #newestFirst(): readonly Kept[] {
    this.#sorted ??= [...this.#rooms.values()]
      .flatMap(({ messages }) => messages)
      .sort((one, other) => other.message.createdAt - one.message.createdAt)
    return this.#sorted
  }

  // What of a room shows that its messages are others now.
  async #versions(): Promise<Map<string, string>> {
    const [rooms, conversations] = await Promise.all([this.#db.rooms.toArray(), this.#db.conversations.toArray()])
    const loaded = new Map(rooms.map(({ id, cursor, oldest }) => [id, `${cursor} ${oldest}`]))
    return new Map(
      conversations
        .filter(({ deleted }) => !deleted)
        .map(({ id, revision, updatedAt }) => [id, `${revision} ${updatedAt} ${loaded.get(id) ?? ''}`]),
    )
  }

  async #read(versions: ReadonlyMap<string, string>, onchange: () => void): Promise<void> {
    let changed = false
    for (const id of this.#rooms.keys()) if (!versions.has(id)) changed = this.#rooms.delete(id) || changed
    for (const [id, version] of versions) {
      if (this.#rooms.get(id)?.version === version) continue
      this.#rooms.set(id, { version, messages: await this.#messages(id) })
      changed = true
    }
    if (!changed) return
    this.#sorted = null
    onchange()
  }

  async #messages(id: string): Promise<Kept[]> {
    const known = new Map(this.#rooms.get(id)?.messages.map((kept) => [kept.message.id, kept]))
    const rows = await Promise.all(
      [placed(id), unplaced(id)].map((range) =>
        this.#db.messages
          .where('[conversationId+position]')
          .between(...range)
          .toArray(),
      ),
    )
    return rows.flat().flatMap((message) => {
      if (message.deleted || message.text === '' || (message.kind === 'reply' && isOpen(message.state))) return []
      const kept = known.get(message.id)
      return [kept?.message.text === message.text ? kept : { message, plain: fold(message.text) }]
    })
  }
}

function startsWord(plain: string, at: number): boolean {
  return at === 0 || (at > 0 && !/[\p{L}\p{N}]/u.test(plain.charAt(at - 1)))
}

function toHit(message: StoredMessage, terms: readonly Term[]): SearchHit {
  const { id, conversationId, position, kind, createdAt } = message
  const author = message.kind === 'reply' ? (message.model ?? '') : message.author.name
  return { messageId: id, conversationId, position, kind, author, createdAt, snippet: snippet(message.text, terms) }
}
