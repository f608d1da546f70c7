import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { type Db, rows } from './door.ts'

const FOLDER = new URL('../../migrations', import.meta.url).pathname
/** Any number, as long as it is always the same one. */
export const MIGRATION_LOCK = 7_231_002
/** How long a start waits for another server's migration. */
const LOCK_WAIT = '60s'

/**
 * Applies the migrations that the database does not have yet, all of them or none. Keeps the books as drizzle's own `migrate` does, but in the one
 * transaction that holds the lock: servers that start together do it one after the other, and behind a connection pooler such as
 * Neon's a session's lock might belong to another session than the statements it is to guard.
 */
export async function migrate(db: Db): Promise<void> {
  const migrations = readMigrationFiles({ migrationsFolder: FOLDER })
  await db.transaction(async (tx) => {
    await tx.execute(sql.raw(`set local lock_timeout = '${LOCK_WAIT}'`))
    await tx.execute(sql`select pg_advisory_xact_lock(${sql.raw(String(MIGRATION_LOCK))})`)
    await tx.execute(sql`create schema if not exists drizzle`)
    await tx.execute(
      sql`create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`,
    )
    const [last] = await rows(tx, sql`select max(created_at)::text as at from drizzle.__drizzle_migrations`)
    for (const migration of migrations.filter(({ folderMillis }) => folderMillis > Number(last?.at ?? 0))) {
      for (const statement of migration.sql) await tx.execute(sql.raw(statement))
      await tx.execute(
        sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${migration.hash}, ${migration.folderMillis})`,
      )
    }
  })
}
