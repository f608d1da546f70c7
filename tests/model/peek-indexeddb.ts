import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { Dexie } from 'dexie'
import type { Peek } from './browser.ts'

// What fake-indexeddb keeps, by the names that it has for it: nothing public can be read without a transaction, which would change the run.
type Raw = {
  readonly transactions: readonly { readonly mode: string; readonly _started: boolean; readonly _state: string }[]
  readonly rawObjectStores: ReadonlyMap<
    string,
    { readonly records: { values(): Iterable<{ key: unknown; value: Record<string, unknown> }> } }
  >
}

let factory = new IDBFactory()

export const browsers: Peek = {
  rows(database, table) {
    const { _databases: databases } = factory as unknown as { _databases: ReadonlyMap<string, Raw> }
    const raw = databases.get(database)
    if (!raw) return new Map()
    if (raw.transactions.some(({ mode, _started, _state }) => mode !== 'readonly' && _started && _state !== 'finished')) return null
    const records = raw.rawObjectStores.get(table)?.records.values() ?? []
    return new Map(Array.from(records, ({ key, value }) => [key, value]))
  },
  wipe() {
    factory = new IDBFactory()
    Dexie.dependencies.indexedDB = factory
    Dexie.dependencies.IDBKeyRange = IDBKeyRange
  },
}
