import { sql } from 'drizzle-orm'
import { type Log, reason } from '../log.ts'
import { type Db, rows } from './door.ts'

const EVERY_MS = 60_000
/** What a start after a crash has to replay at most, more or less: a tenth of a second. */
const LOG_BYTES = 16 * 1024 * 1024

/**
 * The work of PostgreSQL's background processes, which the embedded one does not have: without it the write-ahead log grows until
 * the server is stopped in order, and the tables with every update. Returns its stop.
 */
export function keepUp(db: Db, log: Log): () => void {
  const timer = setInterval(() => {
    upkeep(db).catch((error) => log.warn('database.upkeep-failed', { reason: reason(error) }))
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** One round: VACUUM for the tables that changed a lot, by autovacuum's rule, and a checkpoint if much was written since the last one. */
export async function upkeep(db: Db): Promise<void> {
  const changed = await rows(
    db,
    sql`select relname as name from pg_stat_user_tables where n_dead_tup > 500 + 0.2 * n_live_tup or n_mod_since_analyze > 500 + 0.1 * n_live_tup`,
  )
  // A table at a time, so that a message never waits for all of them.
  for (const { name } of changed) await db.execute(sql`vacuum (analyze) ${sql.identifier(String(name))}`)
  const [written] = await rows(
    db,
    sql`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 as bytes from pg_control_checkpoint()`,
  )
  if (Number(written?.bytes) > LOG_BYTES) await db.execute(sql`checkpoint`)
}
