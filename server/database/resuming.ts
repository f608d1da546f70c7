import { eq } from 'drizzle-orm'
import { isOpen, type Person, type Reply } from '#contract'
import { type Change, lockFor, write } from './conversations.ts'
import { byIds, changedRow, toReply } from './messages.ts'
import type { Db } from './open.ts'
import { reachReply } from './replies.ts'
import { message } from './schema.ts'

export type Requeued =
  /** `change` is null when the row is newer than the one that the person saw: nothing is asked again. */
  | { readonly kind: 'queued'; readonly reply: Reply; readonly change: Change | null }
  | { readonly kind: 'missing' | 'forbidden' | 'guest' | 'finished' }

/** Puts a reply that did not end well back into the queue, with its text kept: from now on it is `by` who asks for it. */
export async function requeue(db: Db, by: Person, id: string, seenRevision: number): Promise<Requeued> {
  return db.transaction(async (tx) => {
    const reply = await reachReply(tx, by.id, id)
    const locked = reply && (await lockFor(tx, reply.conversationId, by.id))
    const [found] = locked ? await byIds(tx, [id]) : []
    if (!locked || found?.message.kind !== 'reply' || found.message.deleted) return { kind: 'missing' }
    if (locked.role === 'viewer') return { kind: 'forbidden' }
    if (by.kind === 'guest' && !locked.row.guestsAsk) return { kind: 'guest' }
    if (found.row.revision !== seenRevision || isOpen(found.message.state)) return { kind: 'queued', reply: found.message, change: null }
    if (found.row.state === 'complete' && !found.row.truncated) return { kind: 'finished' }
    const revision = locked.row.revision + 1
    const [row] = await tx
      .update(message)
      // `finishedAt` stays: a late repetition of that end knows by it that it was written.
      .set({ state: 'queued', authorId: by.id, failure: null, stoppedById: null, truncated: false, revision })
      .where(eq(message.id, id))
      .returning(changedRow)
    if (!row) return { kind: 'missing' }
    const written = await write(tx, locked, { revision })
    const queued = toReply(row, row)
    return { kind: 'queued', reply: queued, change: { conversation: written, messages: [queued], members: locked.members } }
  })
}
