import { LIMITS } from '#contract'
import { backoffMs } from './backoff.ts'
import type { Parts } from './parts.ts'
import { Refusal } from './rpc.ts'

/** Pages of older messages, one at a time for each room; what could not be brought is asked for again, as soon as there is a connection. */
export class History {
  readonly #parts: Parts
  /** By room, how many rows. */
  readonly #wanted = new Map<string, number>()
  readonly #running = new Set<string>()
  #online = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  request(conversationId: string, limit: number): void {
    this.#wanted.set(conversationId, limit)
    void this.#load(conversationId)
  }

  online(): void {
    this.#online = true
    for (const id of this.#wanted.keys()) void this.#load(id)
  }

  offline(): void {
    this.#online = false
  }

  async #load(id: string, failures = 0): Promise<void> {
    const limit = this.#wanted.get(id) ?? LIMITS.pageRows
    if (this.#running.has(id) || !this.#wanted.has(id)) return
    this.#running.add(id)
    const { store, rpc, writer } = this.#parts
    try {
      const room = await store.db.rooms.get(id)
      const before = room?.oldest ?? null
      if (room && !room.complete && before !== null) {
        const answer = await rpc.call((client, options) => client.conversation.history({ id, before, limit }, options))
        await writer.write({ kind: 'history', conversationId: id, answer })
      }
      this.#wanted.delete(id)
    } catch (error) {
      // Of a room that is not there nothing will come. Whoever waits at the top of another does not ask a second time.
      if (error instanceof Refusal && error.code === 'NOT_FOUND') this.#wanted.delete(id)
      else if (this.#online) this.#again(id, failures)
    } finally {
      this.#running.delete(id)
    }
  }

  #again(id: string, failures: number): void {
    const { clock, random } = this.#parts
    clock.after(backoffMs(failures, random, 1_000), () => {
      if (this.#online) void this.#load(id, failures + 1)
    })
  }
}
