import { LIMITS } from '#contract'
import type { Parts } from './parts.ts'

/** Pages of older messages, one at a time for each room; what was asked for while offline is brought later. */
export class History {
  readonly #parts: Parts
  readonly #wanted = new Set<string>()
  readonly #running = new Set<string>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  request(conversationId: string): void {
    this.#wanted.add(conversationId)
    void this.#load(conversationId)
  }

  online(): void {
    for (const id of this.#wanted) void this.#load(id)
  }

  async #load(id: string): Promise<void> {
    if (this.#running.has(id)) return
    this.#running.add(id)
    const { store, rpc, writer } = this.#parts
    try {
      const room = await store.db.rooms.get(id)
      const before = room?.oldest ?? null
      if (room && !room.complete && before !== null) {
        const answer = await rpc.call((client, options) => client.conversation.history({ id, before, limit: LIMITS.pageRows }, options))
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
