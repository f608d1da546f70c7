import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SQL } from 'bun'
import { StartError } from '../../server/config.ts'
import { MIGRATION_LOCK } from '../../server/database/migrate.ts'
import { openDatabase } from '../../server/database/open.ts'
import { databaseCases } from '../support/database-cases.ts'
import { startDatabaseProcess } from '../support/database-processes.ts'
import { eventually } from '../support/eventually.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { silent, temporaryDirectory } from '../support/prepared-database.ts'

const START_MS = 60_000

databaseCases('postgres')

describe('a start on PostgreSQL', () => {
  let postgres: Postgres
  let dataDir: string
  beforeAll(async () => {
    postgres = await startPostgres()
    dataDir = await temporaryDirectory()
  }, START_MS)
  afterAll(async () => {
    await postgres?.stop()
    await rm(dataDir, { recursive: true })
  }, START_MS)

  /** The sentence that a start is refused with; fails when it is not, or with something else than a sentence. */
  async function refusal(url: string): Promise<string> {
    const error: unknown = await openDatabase({ url, dataDir, log: silent }).then(
      (database) => database.close(),
      (reason) => reason,
    )
    if (!(error instanceof StartError)) throw new Error('expected a StartError', { cause: error })
    expect(error.message).not.toContain('a-secret')
    expect(error.message).not.toContain('wrong-secret')
    expect(error.message).not.toContain('\n')
    return error.message
  }

  test(
    'succeeds for four servers that start at once on an empty database',
    async () => {
      const url = await postgres.createDatabase()
      const servers = [1, 2, 3, 4].map((number) => startDatabaseProcess(join(dataDir, String(number)), url))
      expect(await Promise.all(servers.map((server) => server.opened))).toEqual(['open', 'open', 'open', 'open'])
      await Promise.all(servers.map((server) => server.stop()))
    },
    START_MS,
  )

  test(
    'waits for the migration of another server',
    async () => {
      const url = await postgres.createDatabase()
      const other = new SQL(url, { max: 1 })
      await other`select pg_advisory_lock(${MIGRATION_LOCK}::bigint)`
      let opened = false
      const opening = openDatabase({ url, dataDir, log: silent }).finally(() => (opened = true))
      const watch = new SQL(url, { max: 1 })
      await eventually(async () => (await watch`select 1 from pg_locks where locktype = 'advisory' and not granted`).length > 0)
      expect(opened).toBe(false)
      await other`select pg_advisory_unlock(${MIGRATION_LOCK}::bigint)`
      const database = await opening
      expect(await database.alive()).toBe(true)
      await Promise.all([database.close(), other.close(), watch.close()])
    },
    START_MS,
  )

  test(
    'says that nothing answers at an address',
    async () => {
      expect(await refusal('postgres://postgres:a-secret@127.0.0.1:1/postgres')).toStartWith(
        'The database at 127.0.0.1:1 cannot be reached',
      )
      expect(await refusal('postgres://postgres:a-secret@nowhere.invalid/postgres')).toStartWith(
        'The database at nowhere.invalid cannot be reached',
      )
    },
    START_MS,
  )

  test('says that the login is refused, without the password', async () => {
    expect(await refusal(postgres.url.replace('a-secret', 'wrong-secret'))).toContain(
      'refused the login (password authentication failed for user "postgres")',
    )
  })

  test('says that the database is not there', async () => {
    expect(await refusal(`${postgres.url}-of-nobody`)).toContain('does not have the database that DATABASE_URL names')
  })

  test('leaves a database alone that it cannot migrate', async () => {
    const url = await postgres.createDatabase()
    const admin = new SQL(url, { max: 1 })
    await admin`create table session (theirs int)`
    expect(await refusal(url)).toContain('could not be brought up to date (relation "session" already exists). Nothing was changed in it.')
    const tables =
      await admin`select table_schema, table_name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')`
    expect([...tables]).toEqual([{ table_schema: 'public', table_name: 'session' }])
    await admin.close()
  })

  test('is refused on a data directory that another server has', async () => {
    const first = await openDatabase({ url: await postgres.createDatabase(), dataDir, log: silent })
    expect(await refusal(await postgres.createDatabase())).toContain(`${dataDir} is in use by another running Confab`)
    await first.close()
  })
})
