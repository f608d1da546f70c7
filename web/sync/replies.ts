import { isOpen, type LiveReply, type Message } from '#contract'
import type { LiveTexts } from '../store/live-texts.ts'
import type { LiveThoughts } from '../store/live-thoughts.ts'
import type { Parts } from './parts.ts'

/** The text of a running reply is put into the store this often: so much of it may be missing after a reload, for a moment. */
const KEEP_MS = 250
/** The same in a tab that nobody sees. Every tab is told of what any of them keeps: one that is hidden must not cost the one in view. */
const HIDDEN_KEEP_MS = 1_000

type Known = { conversationId: string; revision: number; open: boolean; text: string }

/** What this tab has heard of the replies in the rooms that it has joined: the way from a chunk of text to where it belongs. */
export class Replies {
  readonly #parts: Pick<Parts, 'clock' | 'writer'>
  readonly #isSeen: () => boolean
  readonly #live: LiveTexts
  readonly #thoughts: LiveThoughts
  readonly #known = new Map<string, Known>()
  #cancelKeep: (() => void) | null = null

  constructor({ store, clock, writer }: Parts, isSeen: () => boolean) {
    this.#parts = { clock, writer }
    this.#isSeen = isSeen
    this.#live = store.live
    this.#thoughts = store.thoughts
  }

  /** Rows as they come in, before they are written. */
  track(rows: readonly Message[]): void {
    for (const row of rows) {
      if (row.kind !== 'reply') continue
      const known = this.#known.get(row.id)
      if (known && known.revision >= row.revision) continue
      const open = isOpen(row.state) && !row.deleted
      this.#known.set(row.id, { conversationId: row.conversationId, revision: row.revision, open, text: open ? row.text : '' })
    }
  }

  /** What was said so far, out of the answer to a join. */
  join(conversationId: string, live: readonly LiveReply[]): void {
    for (const { id, text, thoughts } of live) {
      // A row that is not in the answer was in the store before; any row that comes now is newer.
      if (!this.#known.has(id)) this.#known.set(id, { conversationId, revision: 0, open: true, text })
      this.#live.begin(id, text)
      this.#thoughts.begin(id, thoughts)
      this.#keep()
    }
  }

  /** The room of a reply; null: never heard of it. */
  room(replyId: string): string | null {
    return this.#known.get(replyId)?.conversationId ?? null
  }

  append(replyId: string, offset: number, text: string): 'applied' | 'gap' | 'ended' {
    const known = this.#known.get(replyId)
    if (known && !known.open) return 'ended'
    this.#keep()
    return this.#live.append(replyId, offset, text, known?.text ?? '')
  }

  think(replyId: string, offset: number, text: string): 'applied' | 'gap' | 'ended' {
    return this.#known.get(replyId)?.open === false ? 'ended' : this.#thoughts.append(replyId, offset, text)
  }

  /** Rows that are in the store now: the live text of what has ended goes, and no sooner. */
  stored(rows: readonly Message[]): void {
    for (const row of rows) {
      const known = this.#known.get(row.id)
      if (row.kind !== 'reply' || !known || known.open || known.revision !== row.revision) continue
      this.#live.settle(row.id, row.text)
      this.#thoughts.settle(row.id)
    }
  }

  /** A room that was left: nothing of it is heard any more. */
  forget(conversationId: string): void {
    for (const [id, known] of this.#known) if (known.conversationId === conversationId) this.#known.delete(id)
  }

  stop(): void {
    this.#cancelKeep?.()
    this.#live.stop()
    this.#thoughts.stop()
  }

  #keep(): void {
    this.#cancelKeep ??= this.#parts.clock.after(this.#isSeen() ? KEEP_MS : HIDDEN_KEEP_MS, () => {
      this.#cancelKeep = null
      const texts = this.#live.takeDirty()
      if (texts.length > 0) this.#parts.writer.write({ kind: 'texts', texts }).catch(() => undefined)
    })
  }
}
