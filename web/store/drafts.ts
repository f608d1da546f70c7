import type { Database, Draft } from './database.ts'
import { withSpace } from './space.ts'
import { store } from './store.ts'

/*
 * A draft belongs to all tabs of a person: the change that was typed last is the one that is kept, whichever comes to the store first. An empty
 * draft stays as a mark, so that a tab that was frozen learns that what it holds was sent or taken out since.
 */

/** Keeps what was typed, unless something was typed later. `at`: when, in milliseconds since 1970. */
export async function saveDraft(conversationId: string, text: string, by = '', at = Date.now()): Promise<void> {
  const { db } = store()
  await withSpace(db, () => db.transaction('rw', db.drafts, () => keepNewest(db, { conversationId, text, by, at })))
}

/** The same within a transaction that has the drafts. */
export async function keepNewest({ drafts }: Database, draft: Draft & { at: number }): Promise<void> {
  const before = await drafts.get(draft.conversationId)
  if ((before?.at ?? 0) <= draft.at) await drafts.put(draft)
}

/**
 * What a command makes of a draft: newer than what it has read, and older than whatever is being typed meanwhile. Within a transaction that has the
 * drafts.
 */
export async function changeDraft({ drafts }: Database, conversationId: string, change: (text: string) => string): Promise<void> {
  const before = await drafts.get(conversationId)
  const text = change(before?.text ?? '')
  if (text !== (before?.text ?? '')) await drafts.put({ conversationId, text, at: (before?.at ?? 0) + 1 })
}
