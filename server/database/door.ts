import type { SQL } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type * as schema from './schema.ts'

/**
 * The database as the record files see it, the same for every door; a transaction fits it too. Read rows through select and `.returning()`:
 * what `execute` gives differs per driver, which is what `rows` is for.
 */
export type Db = PgDatabase<PgQueryResultHKT, typeof schema>

/** One opened database driver. */
export interface Door {
  readonly db: Db
  /** To be called once the database is up to date: from then on no statement takes long, and one without an answer is a lost connection. */
  migrated?(): void
  /** Ends every connection; waits a bounded time for queries in flight. */
  close(): Promise<void>
}

/** The rows of a raw query, whichever driver ran it. Values are as the driver has them: cast to text or int in the query. */
export async function rows(db: Db, query: SQL): Promise<Record<string, unknown>[]> {
  const result: unknown = await db.execute(query)
  // bun-sql answers with an array, the Neon driver with { rows }.
  const list: unknown = Array.isArray(result)
    ? result
    : typeof result === 'object' && result !== null && 'rows' in result
      ? result.rows
      : []
  return Array.isArray(list) ? list : []
}
