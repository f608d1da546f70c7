import type { StoredMessage } from './database.ts'
import { placed } from './places.ts'
import { store } from './store.ts'

/** A place on the path of a room: the prompt or reply that it ends with there, and up to which position. */
export type PathEnd = { headId: string | null; revision: number }

/** Picks the messages of the current path from rows that come newest first. */
export class Path {
  readonly #enough: number
  readonly #known: number
  #next: string | null
  #started = false
  readonly #onPath: StoredMessage[] = []
  readonly #all: StoredMessage[] = []
  /** By kind and parent, the ids of what hangs there, newest first. Versions are newer than their parent, so whoever has read it has read them all. */
  readonly #beside = new Map<string, string[]>()

  /** `version`: an unsent one, before which the path ends. */
  constructor(end: PathEnd | undefined, enough: number, version?: StoredMessage) {
    this.#enough = enough
    this.#known = version ? Number.MAX_SAFE_INTEGER : (end?.revision ?? 0)
    this.#next = version ? version.parentId : (end?.headId ?? null)
    this.#started = version !== undefined
  }

  get full(): boolean {
    return this.#started && this.#onPath.length >= this.#enough
  }

  take(rows: readonly StoredMessage[]): void {
    for (const row of rows) {
      if (row.kind === 'note') {
        if (!row.deleted) this.#onPath.push(row)
      } else if (row.id === this.#next || this.#isNewerHead(row)) {
        this.#started = true
        this.#next = row.parentId
        if (!row.deleted) this.#onPath.push(row)
      }
      if (row.deleted) continue
      this.#all.push(row)
      const place = `${row.kind} ${row.parentId}`
      if (row.kind !== 'note') this.#beside.set(place, [...(this.#beside.get(place) ?? []), row.id])
    }
  }

  /** Newest first. Without a head to start from, everything is shown. */
  messages(): StoredMessage[] {
    return this.#started ? this.#onPath : this.#all
  }

  versions(): ReadonlyMap<string, readonly string[]> {
    return new Map(
      this.#onPath.flatMap((row): [string, readonly string[]][] => {
        const ids = this.#beside.get(`${row.kind} ${row.parentId}`) ?? []
        return ids.length > 1 ? [[row.id, ids.toReversed()]] : []
      }),
    )
  }

  // Every new prompt or reply becomes the head; the row of the room that says so may come a moment after it.
  #isNewerHead(row: StoredMessage): boolean {
    return !this.#started && row.position > this.#known
  }
}

/**
 * Every message of a room's path that has a place and is in the store, oldest first. `earlier`: the server has more, or has not said. It reads the whole room: for
 * a jump, not for a live query.
 */
export async function wholePath(conversationId: string): Promise<{ messages: readonly StoredMessage[]; earlier: boolean }> {
  const { db } = store()
  const [room, conversation] = await Promise.all([db.rooms.get(conversationId), db.conversations.get(conversationId)])
  const earlier = room?.complete !== true
  const rows = await db.messages
    .where('[conversationId+position]')
    .between(...placed(conversationId, earlier ? (room?.oldest ?? 0) : 0), true, true)
    .toArray()
  const path = new Path(conversation, Number.POSITIVE_INFINITY)
  path.take(rows.toReversed())
  return { messages: path.messages().toReversed(), earlier }
}

/** Where the path stands at one of its messages. */
export function endAt(messages: readonly StoredMessage[], index: number): PathEnd {
  const shown = messages.slice(0, index + 1)
  return { headId: shown.findLast(({ kind }) => kind !== 'note')?.id ?? null, revision: shown.at(-1)?.position ?? 0 }
}
