import type { Database } from './database.ts'
import { placed } from './places.ts'

/** The rooms that were opened last are not trimmed: one of them is on the screen of every tab. */
const KEPT_ROOMS = 5
/** So much of all stored messages is given up at once. */
const SHARE = 0.25

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
