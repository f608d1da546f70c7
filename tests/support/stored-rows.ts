import type { Page } from 'playwright'
import type { Draft, OutboxEntry, Room, StoredConversation, StoredMessage } from '../../web/store/database.ts'

type Tables = { rooms: Room; conversations: StoredConversation; messages: StoredMessage; drafts: Draft; outbox: OutboxEntry }

/** Everything in a table of the store that this browser keeps for the page's person; also of a page that came without the server. */
export function storedRows<Name extends keyof Tables>(page: Page, table: Name): Promise<Tables[Name][]> {
  return page.evaluate(async (name: string) => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.addEventListener('success', () => resolve(request.result))
        request.addEventListener('error', () => reject(new Error(String(request.error))))
      })
    const { personId } = JSON.parse(localStorage.getItem('confab.person') ?? '{}')
    const database = await done(indexedDB.open(`confab-${personId}`))
    try {
      const rows: Tables[Name][] = await done(database.transaction(name).objectStore(name).getAll())
      return rows
    } finally {
      database.close()
    }
  }, table)
}

/** Keeps everybody else from writing into a table, as a device that is slow does, until the result is called. */
export async function holdTable(page: Page, table: keyof Tables): Promise<() => Promise<void>> {
  const held = await page.evaluateHandle(async (name: string) => {
    const opening = indexedDB.open(`confab-${document.body.dataset.person}`)
    await new Promise((resolve) => opening.addEventListener('success', resolve))
    const database = opening.result
    const transaction = database.transaction(name, 'readwrite')
    const hold = { released: false, over: new Promise((resolve) => transaction.addEventListener('complete', resolve)) }
    const store = transaction.objectStore(name)
    const goOn = () => {
      if (!hold.released) store.count().addEventListener('success', goOn)
    }
    goOn()
    void hold.over.then(() => database.close())
    return hold
  }, table)
  return () =>
    held.evaluate(async (hold) => {
      hold.released = true
      await hold.over
    })
}
