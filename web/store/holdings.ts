import type { Holdings } from '../lib/settings-words.ts'
import { rebuild } from './rebuild.ts'
import { store } from './store.ts'

/** Counts what is stored; a live query of it hears of changes. */
export async function holdings(): Promise<Holdings> {
  const { db } = store()
  const [messages, rooms, unsent, drafts] = await Promise.all([
    db.messages.count(),
    db.conversations.count(),
    db.outbox.count(),
    // A draft that was sent leaves a mark without a text.
    db.drafts.filter(({ text }) => text !== '').count(),
  ])
  return { messages, rooms, unsent, drafts, bytes: await usedBytes() }
}

/**
 * Gives up everything that the server has as well. What was not sent stays, and so do drafts. Every tab of this browser has to be loaded anew after
 * it: they know of rows that are gone.
 */
export async function clearDevice(): Promise<void> {
  const { db, personId } = store()
  await db.transaction('rw', db.tables, async (transaction) => {
    await rebuild(transaction, personId)
    await db.readings.clear()
  })
}

async function usedBytes(): Promise<number | null> {
  const estimate = 'storage' in navigator ? await navigator.storage.estimate().catch(() => null) : null
  return estimate?.usage ?? null
}
