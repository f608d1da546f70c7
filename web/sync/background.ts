import type { Backfill } from './backfill.ts'
import type { Leisure } from './leisure.ts'
import type { Locks } from './locks.ts'
import type { Parts } from './parts.ts'
import type { Rooms } from './rooms.ts'

/** So long after it was connected, the page has better things to do. */
const SETTLED_MS = 3_000

/** The backfill, with code that is fetched when it is first wanted: nothing on the first screen waits for it. */
export class Background {
  readonly #parts: Parts
  readonly #rooms: Rooms
  readonly #locks: Locks
  readonly #leisure: () => Promise<Leisure>
  #backfill: Backfill | null = null
  #cancel: (() => void) | null = null
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(parts: Parts, rooms: Rooms, locks: Locks, leisure: () => Promise<Leisure>) {
    this.#parts = parts
    this.#rooms = rooms
    this.#locks = locks
    this.#leisure = leisure
  }

  /** Connected, and the list of rooms is in the store. */
  online(): void {
    this.offline()
    this.#cancel = this.#parts.clock.after(SETTLED_MS, () => void this.#begin(this.#cancel))
  }

  offline(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#backfill?.offline()
  }

  /** A frame has come: somebody is reading. */
  heard(): void {
    this.#heardAt = this.#parts.clock.now()
  }

  /** A room is new, or has changed. */
  noticed(conversationId: string): void {
    if (this.#rooms.state(conversationId) === 'absent') this.#backfill?.noticed()
  }

  async #begin(connection: (() => void) | null): Promise<void> {
    try {
      this.#backfill ??= await this.#load()
      if (this.#cancel === connection) this.#backfill.online()
    } catch {
      // The file could not be had; the next connection asks for it again.
    }
  }

  async #load(): Promise<Backfill> {
    const [{ Backfill }, leisure] = await Promise.all([import('./backfill.ts'), this.#leisure()])
    return new Backfill(this.#parts, this.#rooms, this.#locks, leisure, () => this.#heardAt)
  }
}
