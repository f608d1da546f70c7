import type { Db } from '../database/open.ts'
import { type ReadUpTo, type SeenAt, writePresence } from '../database/presence.ts'
import { type Log, reason } from '../log.ts'

/** What people read and when they were here is written together, and no more often than this. */
const WRITE_EVERY_MS = 5_000

/** What has been read and seen and is not in the database yet. */
export class Seen {
  readonly #db: Db
  readonly #log: Log
  #reads = new Map<string, ReadUpTo>()
  #seen = new Map<string, SeenAt>()
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(db: Db, log: Log) {
    this.#db = db
    this.#log = log
  }

  read(upTo: ReadUpTo): void {
    const key = `${upTo.conversationId} ${upTo.personId}`
    if ((this.#reads.get(key)?.count ?? -1) < upTo.count) this.#reads.set(key, upTo)
    this.#later()
  }

  seen(at: SeenAt): void {
    if ((this.#seen.get(at.personId)?.atMs ?? -1) < at.atMs) this.#seen.set(at.personId, at)
    this.#later()
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    await this.#write()
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      void this.#write()
    }, WRITE_EVERY_MS)
  }

  async #write(): Promise<void> {
    const reads = [...this.#reads.values()]
    const seen = [...this.#seen.values()]
    if (reads.length + seen.length === 0) return
    this.#reads = new Map()
    this.#seen = new Map()
    try {
      await writePresence(this.#db, reads, seen)
    } catch (error) {
      this.#log.warn('presence.write_failed', { reason: reason(error) })
      for (const upTo of reads) this.read(upTo)
      for (const at of seen) this.seen(at)
    }
  }
}
