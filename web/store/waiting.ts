import { liveQuery } from 'dexie'
import type { Clock } from './clock.ts'
import type { Database, OutboxCall, OutboxEntry } from './database.ts'

/** After the store could not be read. */
const AGAIN_MS = 1_000

export type Waiting = OutboxEntry & { seq: number }

/**
 * The calls that wait and that `takes` is true for, in their order. What concerns a room that is being removed is kept back until the server has
 * agreed to that or refused it.
 */
export async function waitingCalls({ outbox }: Database, takes: (call: OutboxCall) => boolean): Promise<Waiting[]> {
  const rows = await outbox.where('state').equals('waiting').sortBy('seq')
  const removed = new Set(rows.flatMap(({ call, conversationId }) => (call.procedure === 'conversation.remove' ? [conversationId] : [])))
  // How a room is kept goes another way than what makes it.
  const made = new Set(rows.flatMap(({ call, conversationId }) => (call.procedure === 'conversation.create' ? [conversationId] : [])))
  return rows.flatMap((row) => {
    const { procedure } = row.call
    const keptBack =
      (removed.has(row.conversationId) && procedure !== 'conversation.create' && procedure !== 'conversation.remove') ||
      (made.has(row.conversationId) && procedure === 'conversation.arrange')
    return row.seq !== undefined && !keptBack && takes(row.call) ? [{ ...row, seq: row.seq }] : []
  })
}

/** So long somebody may take back that a room is removed. */
export const UNDO_MS = 8_000

/** For how long a call is still held, for its person to change their mind. A clock that was set back does not make that longer. */
export function respiteMs({ notBefore }: Pick<OutboxEntry, 'notBefore'>): number {
  const leftMs = (notBefore ?? 0) - Date.now()
  return leftMs > UNDO_MS ? 0 : Math.max(0, leftMs)
}

/** Puts a call behind the others; inside of the caller's transaction. Returns its number. */
export function enqueue({ outbox }: Database, conversationId: string, call: OutboxCall): Promise<number> {
  const entry: OutboxEntry = { conversationId, call, state: 'waiting', failure: null, createdAt: Date.now() }
  return outbox.add(entry)
}

/** Calls back whenever such calls wait, whichever tab has put them there; the result ends it. */
export function watchWaiting(db: Database, takes: (call: OutboxCall) => boolean, clock: Clock, listener: () => void): () => void {
  const watch = () =>
    liveQuery(() => waitingCalls(db, takes)).subscribe({
      next: (calls) => {
        if (calls.length > 0) listener()
      },
      // That was its end: without another one, nothing written from now on would be sent before the next connection.
      error: () => {
        cancel = clock.after(AGAIN_MS, () => (subscription = watch()))
      },
    })
  let cancel = () => {}
  let subscription = watch()
  return () => {
    cancel()
    subscription.unsubscribe()
  }
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
