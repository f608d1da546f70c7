import type { Page } from 'playwright'

type Row = { text?: string }

/** Everything in a table of the store that this browser keeps for the page's person; also of a page that came without the server. */
export function storedRows(page: Page, table: 'rooms' | 'messages' | 'drafts' | 'outbox'): Promise<Row[]> {
  return page.evaluate(async (name) => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.addEventListener('success', () => resolve(request.result))
        request.addEventListener('error', () => reject(new Error(String(request.error))))
      })
    const { personId } = JSON.parse(localStorage.getItem('confab.person') ?? '{}')
    const database = await done(indexedDB.open(`confab-${personId}`))
    try {
      const rows: Row[] = await done(database.transaction(name).objectStore(name).getAll())
      return rows
    } finally {
      database.close()
    }
  }, table)
}
