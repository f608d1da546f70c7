import type { Database } from './database.ts'

const SETTLE_MS = 300

/**
 * Runs a write. When the device has no space for it, rows that the server has as well make room, and it runs again. Throws what the write
 * throws when nothing is left to give up.
 */
export async function withSpace<T>(db: Database, write: () => PromiseLike<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await write()
    } catch (error) {
      if (!isQuota(error)) throw error
      // Every second time it only waits: a browser does not count at once what was taken away.
      if (tries % 2 === 1) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      else if ((await trimmed(db)) === 0) throw error
    }
  }
}

// Fetched by the few that need it; where it cannot be, nothing is given up.
async function trimmed(db: Database): Promise<number> {
  const { trim } = await import('./trimming.ts').catch(() => ({ trim: () => 0 }))
  return trim(db)
}

/** When rows were last given up for want of space, in milliseconds since 1970; null: never. */
export async function trimmedAt({ facts }: Database): Promise<number | null> {
  const fact = await facts.get('trimmed')
  return fact?.key === 'trimmed' ? fact.value : null
}

/** Remembers that a room was opened. */
export async function noteReading(db: Database, conversationId: string): Promise<void> {
  await db.readings.put({ conversationId, at: Date.now() })
}

// Dexie hides the cause of an aborted transaction inside of its own error.
function isQuota(error: unknown): boolean {
  for (let cause = error; cause instanceof Error || cause instanceof DOMException;) {
    if (cause.name === 'QuotaExceededError') return true
    cause = 'inner' in cause ? cause.inner : cause.cause
  }
  return false
}
