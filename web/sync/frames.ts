import type { Conversation, Frame } from '#contract'
import type { Change } from '../store/apply.ts'
import type { Parts } from './parts.ts'
import type { Replies } from './replies.ts'
import type { Rooms } from './rooms.ts'

/** So long may a change be missing before it is asked for: frames of one moment may come in another order. */
const GAP_MS = 250

/** Broadcasts into the store. A frame waits while the answer that it belongs behind is still on its way. */
export class Frames {
  readonly #parts: Parts
  readonly #rooms: Rooms
  readonly #replies: Replies
  #held: Frame[] = []
  #listing = false
  /** Of each joined room, the newest revision that was heard of. */
  readonly #heard = new Map<string, number>()
  readonly #cursors = new Map<string, number>()
  readonly #gaps = new Map<string, () => void>()

  constructor(parts: Parts, rooms: Rooms, replies: Replies) {
    this.#parts = parts
    this.#rooms = rooms
    this.#replies = replies
  }

  /** One text frame, as it came. */
  receive(text: string): void {
    const frame = parse(text)
    if (frame) this.#dispatch(frame)
  }

  /** A new connection: what was held belongs to the old one, whose rows the next answers bring. */
  connected(): void {
    this.stop()
    this.#listing = true
  }

  /** The list of rooms is in the store. */
  listed(): void {
    this.#listing = false
    this.release()
  }

  /** An answer was applied, or will not come: what was held for it goes on, in its order. */
  release(): void {
    for (const frame of this.#held.splice(0)) this.#dispatch(frame)
  }

  /** Rows up to `cursor` are in the store. */
  reached(conversationId: string, cursor: number): void {
    this.#cursors.set(conversationId, cursor)
    this.#checkGap(conversationId)
  }

  stop(): void {
    this.#held = []
    for (const cancel of this.#gaps.values()) cancel()
    this.#gaps.clear()
    this.#heard.clear()
    this.#cursors.clear()
  }

  #dispatch(frame: Frame): void {
    switch (frame[0]) {
      case 'message':
        return this.#inRoom(frame, frame[1].conversationId, () => {
          const row = frame[1]
          this.#replies.track([row])
          if (row.kind !== 'reply') this.#parts.store.typing.ended(row.conversationId, row.author.id)
          this.#hear(row.conversationId, row.revision)
          this.#write({ kind: 'messages', rows: [row] })
        })
      case 'delta':
      case 'thought':
        return this.#piece(frame)
      case 'people':
        return this.#inRoom(frame, frame[1], () => this.#write({ kind: 'people', conversationId: frame[1], people: frame[2] }))
      case 'typing':
        return this.#inRoom(frame, frame[1], () => this.#parts.store.typing.heard(frame[1], frame[2]))
      case 'membership':
        if (this.#waits(frame[1])) this.#held.push(frame)
        else this.#write({ kind: 'membership', row: { conversationId: frame[1], role: frame[2], read: frame[3] } })
        return
      case 'defaults':
        // Asked for at the same time, the answer says nothing older.
        if (this.#listing) this.#held.push(frame)
        else this.#write({ kind: 'defaults', defaults: frame[1] })
        return
      case 'arrangement':
        if (this.#waits(frame[1].conversationId)) this.#held.push(frame)
        else this.#write({ kind: 'arrangement', row: frame[1] })
        return
      case 'conversation':
        if (this.#waits(frame[1].id)) this.#held.push(frame)
        else this.#conversation(frame[1])
        return
      case 'gone':
        if (this.#waits(frame[1])) this.#held.push(frame)
        else this.#write({ kind: 'gone', conversationId: frame[1] })
        return
    }
  }

  #inRoom(frame: Frame, conversationId: string, take: () => void): void {
    switch (this.#rooms.state(conversationId)) {
      case 'joined':
        return take()
      case 'joining':
        this.#held.push(frame)
        return
      case 'absent':
        // A room that was just left: its cursor stays, the next join brings the row.
        return
    }
  }

  #piece(frame: Extract<Frame, readonly ['delta' | 'thought', ...unknown[]]>): void {
    const [kind, replyId, offset, text] = frame
    const conversationId = this.#replies.room(replyId)
    if (conversationId === null && this.#rooms.joining()) {
      this.#held.push(frame)
      return
    }
    const room = conversationId ?? this.#rooms.opened()
    if (room === null) return
    this.#inRoom(frame, room, () => {
      const taken = kind === 'delta' ? this.#replies.append(replyId, offset, text) : this.#replies.think(replyId, offset, text)
      if (taken === 'gap') this.#rooms.rejoin(room)
    })
  }

  // The row of a room is heard beside the messages that its revision counts, so it does not move the cursor by itself: if no message
  // accounts for the revision in time, a pull does.
  #conversation(row: Conversation): void {
    if (this.#rooms.state(row.id) === 'joined') this.#hear(row.id, row.revision)
    this.#write({ kind: 'conversation', row })
    this.#checkGap(row.id)
  }

  // What is missing may still be on its way; if it does not come in time, it is asked for.
  #checkGap(conversationId: string): void {
    const cursor = this.#cursors.get(conversationId) ?? 0
    if (cursor >= (this.#heard.get(conversationId) ?? 0)) {
      this.#gaps.get(conversationId)?.()
      this.#gaps.delete(conversationId)
      return
    }
    if (this.#gaps.has(conversationId)) return
    const cancel = this.#parts.clock.after(GAP_MS, () => {
      this.#gaps.delete(conversationId)
      void this.#rooms.pull(conversationId)
    })
    this.#gaps.set(conversationId, cancel)
  }

  #waits(conversationId: string): boolean {
    return this.#listing || this.#rooms.state(conversationId) === 'joining'
  }

  #hear(conversationId: string, revision: number): void {
    this.#heard.set(conversationId, Math.max(revision, this.#heard.get(conversationId) ?? 0))
  }

  #write(change: Change): void {
    // A frame that could not be stored leaves a gap below the next cursor, and is asked for again.
    this.#parts.writer.write(change).catch(() => undefined)
  }
}

/** null: not a frame, or one that only a newer page understands. */
function parse(text: string): Frame | null {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && typeof value[0] === 'string' && KINDS.has(value[0]) ? (value as Frame) : null
  } catch {
    return null
  }
}

const KINDS: ReadonlySet<string> = new Set<Frame[0]>([
  'message',
  'conversation',
  'delta',
  'thought',
  'people',
  'typing',
  'membership',
  'defaults',
  'arrangement',
  'gone',
])
