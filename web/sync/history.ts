import { LIMITS } from '#contract'
import type { Parts } from './parts.ts'

/** Pages of older messages, one at a time for each room; what was asked for while offline is brought later. */
export class History {
  readonly #parts: Parts
  /** By room, how many rows. */
  readonly #wanted = new Map<string, number>()
  readonly #running = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  request(conversationId: string, limit: number): void {
    this.#wanted.set(conversationId, limit)
    void this.#load(conversationId)
  }

  online(): void {
    for (const id of this.#wanted.keys()) void this.#load(id)
  }

  async #load(id: string): Promise<void> {
    if (this.#running.has(id)) return
    this.#running.add(id)
    const limit = this.#wanted.get(id) ?? LIMITS.pageRows
    const { store, rpc, writer } = this.#parts
    try {
      const room = await store.db.rooms.get(id)
      const before = room?.oldest ?? null
      if (room && !room.complete && before !== null) {
        const answer = await rpc.call((client, options) => client.conversation.history({ id, before, limit }, options))
        await writer.write({ kind: 'history', conversationId: id, answer })
      }
      this.#wanted.delete(id)
    } catch {
      // It stays wanted until the next connection.
    } finally {
      this.#running.delete(id)
    }
  }
}
