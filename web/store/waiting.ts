import { liveQuery } from 'dexie'
import type { Database } from './database.ts'

/** Calls back whenever calls wait in the outbox, whichever tab has put them there; the result ends it. */
export function watchWaiting({ outbox }: Database, listener: () => void): () => void {
  const subscription = liveQuery(() => outbox.where('state').equals('waiting').primaryKeys()).subscribe({
    next: (keys) => {
      if (keys.length > 0) listener()
    },
    // A store that is closed has nothing to send; the engine is stopped by whoever closed it.
    error: () => undefined,
  })
  return () => subscription.unsubscribe()
}

/** Whether the removal of a room still waits for the server. */
export async function isBeingRemoved({ outbox }: Database, conversationId: string): Promise<boolean> {
  const count = await outbox
    .where('conversationId')
    .equals(conversationId)
    .filter(({ call }) => call.procedure === 'conversation.remove')
    .count()
  return count > 0
}
