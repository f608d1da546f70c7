import type { Member, Membership } from '#contract'
import type { Database } from './database.ts'

/*
 * Who is in which room, inside of a transaction that the caller has begun.
 */

/** What the server says of this person's rooms. What has been read never goes back: this device may be ahead of what the server was told. */
export async function putMemberships(db: Database, rows: readonly Membership[]): Promise<void> {
  for (const { conversationId, role, read } of rows) {
    const stored = await db.memberships.get(conversationId)
    const told = Math.max(read, stored?.told ?? 0)
    await db.memberships.put({ conversationId, role, read: Math.max(told, stored?.read ?? 0), told })
  }
}

export async function putPeople(db: Database, conversationId: string, people: readonly Member[]): Promise<void> {
  await db.people.put({ conversationId, people })
}

/** The room is not this person's any more. */
export async function forgetPeople(db: Database, conversationId: string): Promise<void> {
  await db.people.delete(conversationId)
  await db.memberships.delete(conversationId)
}

/** The server knows less of the room than this store: what was read in it counts anew. */
export async function rewindReading(db: Database, conversationId: string): Promise<void> {
  await db.memberships.where('conversationId').equals(conversationId).modify({ read: 0, told: 0 })
}
