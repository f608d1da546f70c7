import { liveQuery } from 'dexie'
import type { Database, StoredMembership } from './database.ts'
import { store } from './store.ts'

/** This person has read so many of a room's messages. */
export async function markRead(conversationId: string, count: number): Promise<void> {
  const { db } = store()
  // Without a membership the server has not said yet what the room is to this person.
  await db.memberships
    .where('conversationId')
    .equals(conversationId)
    .filter(({ read }) => read < count)
    .modify({ read: count })
}

/** What was read here and the server has not been told. */
export function untold({ memberships }: Database): Promise<StoredMembership[]> {
  return memberships.filter(({ read, told }) => read > told).toArray()
}

/** The server knows of it. */
export async function markTold({ memberships }: Database, conversationId: string, count: number): Promise<void> {
  await memberships
    .where('conversationId')
    .equals(conversationId)
    .filter(({ told }) => told < count)
    .modify({ told: count })
}

/** Calls back whenever there is something to tell, whichever tab it was read in; the result ends it. */
export function watchReading(db: Database, listener: () => void): () => void {
  const subscription = liveQuery(() => untold(db)).subscribe({
    next: (rows) => {
      if (rows.length > 0) listener()
    },
    // A store that is closed has nothing to tell; the engine is stopped by whoever closed it.
    error: () => undefined,
  })
  return () => subscription.unsubscribe()
}
