import type { Database } from './database.ts'
import { placed } from './places.ts'

/** The rooms that were opened last are not trimmed: one of them is on the screen of every tab. */
const KEPT_ROOMS = 5
/** So much of all stored messages is given up at once. */
const SHARE = 0.25
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
      else if ((await trim(db)) === 0) throw error
    }
  }
}

/**
 * Gives up the stored messages of the rooms that were not opened for the longest time. Never what was not sent, and never the rooms that
 * were opened last. Returns how many rows went.
 */
export async function trim(db: Database): Promise<number> {
  const goal = Math.ceil((await db.messages.count()) * SHARE)
  let removed = 0
  for (const id of await dispensable(db)) {
    if (removed >= goal) break
    removed += await giveUp(db, id)
  }
  // The space is needed for more than this: it may fail.
  if (removed > 0) await db.facts.put({ key: 'trimmed', value: Date.now() }).catch(() => undefined)
  return removed
}

// A transaction for each room, which only takes away: what a full device is asked to change at once, it needs as much space for again.
function giveUp(db: Database, id: string): Promise<number> {
  return db.transaction('rw', db.messages, db.rooms, async () => {
    // Without its cursor the room is loaded anew when it is opened.
    await db.rooms.delete(id)
    return db.messages
      .where('[conversationId+position]')
      .between(...placed(id), true, true)
      .delete()
  })
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

/** Rooms whose rows may go, first the one to go first: never opened, then opened longest ago. */
async function dispensable(db: Database): Promise<string[]> {
  const [readings, conversations, loaded] = await Promise.all([
    db.readings.orderBy('at').reverse().toArray(),
    db.conversations.orderBy('updatedAt').toArray(),
    db.rooms.toCollection().primaryKeys(),
  ])
  const kept = new Set(readings.slice(0, KEPT_ROOMS).map(({ conversationId }) => conversationId))
  // A room that only this device knows is nowhere else.
  for (const { id, origin } of conversations) if (origin === 'local') kept.add(id)
  const openedAt = new Map(readings.map(({ conversationId, at }) => [conversationId, at]))
  const changed = new Map(conversations.map(({ id }, index) => [id, index]))
  return loaded
    .filter((id) => !kept.has(id))
    .sort((left, right) => (openedAt.get(left) ?? 0) - (openedAt.get(right) ?? 0) || (changed.get(left) ?? 0) - (changed.get(right) ?? 0))
}

// Dexie hides the cause of an aborted transaction inside of its own error.
function isQuota(error: unknown): boolean {
  for (let cause = error; cause instanceof Error || cause instanceof DOMException;) {
    if (cause.name === 'QuotaExceededError') return true
    cause = 'inner' in cause ? cause.inner : cause.cause
  }
  return false
}
