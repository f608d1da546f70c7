import { describe, expect, test } from 'bun:test'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { fsyncSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { SQL } from 'bun'
import { sql } from 'drizzle-orm'
import { newId } from '#contract'
import { StartError } from '../../server/config.ts'
import { startEngine } from '../../server/database/embedded.ts'
import { DurableFiles, ENGINE_START, prepareCluster } from '../../server/database/embedded-files.ts'
import { upkeep } from '../../server/database/embedded-upkeep.ts'
import { type Database, openDatabase, rows } from '../../server/database/open.ts'
import { person } from '../../server/database/schema.ts'
import { embeddedProcesses, openTestDatabase } from '../support/database.ts'
import { databaseCases } from '../support/database-cases.ts'
import { startDatabaseProcess } from '../support/database-processes.ts'
import { eventually, within } from '../support/eventually.ts'
import { silent, temporaryDirectory } from '../support/prepared-database.ts'

const SLOW_MS = 60_000

databaseCases('embedded')

const open = (dataDir: string) => openDatabase({ url: null, dataDir, log: silent })

async function refusal(dataDir: string): Promise<string> {
  const error: unknown = await open(dataDir).then(
    (database) => database.close(),
    (reason) => reason,
  )
  if (!(error instanceof StartError)) throw new Error('expected a StartError', { cause: error })
  expect(error.message).not.toContain('\n')
  return error.message
}

async function storedIds(database: Database): Promise<Set<string>> {
  return new Set((await database.db.select({ id: person.id }).from(person)).map(({ id }) => id))
}

describe('the data directory of the embedded database', () => {
  test(
    'belongs to one process',
    async () => {
      const database = await openTestDatabase()
      const { dataDir } = database.options
      const sentence = `The data directory ${dataDir} is in use by another running Confab. Stop that one, or set DATA_DIR to another directory.`
      expect(await refusal(dataDir)).toBe(sentence)
      expect(await startDatabaseProcess(dataDir).opened).toBe(`refused: ${sentence}`)
      expect(await database.alive()).toBe(true)
      await database.close()
    },
    SLOW_MS,
  )

  test(
    'admits one of four processes that start at once',
    async () => {
      const dataDir = await temporaryDirectory()
      const processes = [1, 2, 3, 4].map(() => startDatabaseProcess(dataDir))
      const answers = await Promise.all(processes.map(({ opened }) => opened))
      expect(answers.filter((answer) => answer === 'open').length).toBe(1)
      expect(answers.filter((answer) => answer.includes('in use')).length).toBe(3)
      await Promise.all(processes.map((each) => each.stop()))
      await rm(dataDir, { recursive: true })
    },
    SLOW_MS,
  )

  test(
    'is for nobody else on the machine',
    async () => {
      const database = await openTestDatabase()
      const { dataDir } = database.options
      const mode = async (path: string) => ((await stat(join(dataDir, path))).mode & 0o777).toString(8)
      expect([await mode('.'), await mode('run'), await mode('run/.s.PGSQL.5432'), await mode('database')]).toEqual([
        '700',
        '700',
        '600',
        '700',
      ])
      await database.close()
    },
    SLOW_MS,
  )

  test(
    'may have a longer path than a socket can have',
    async () => {
      const top = await temporaryDirectory()
      const dataDir = join(top, 'a-rather-long-name-for-a-directory'.repeat(4))
      const database = await open(dataDir)
      expect(await database.alive()).toBe(true)
      await database.close()
      await rm(top, { recursive: true })
    },
    SLOW_MS,
  )

  test(
    'is refused in a sentence when it cannot be made, or does not hold a database',
    async () => {
      const top = await temporaryDirectory()
      await writeFile(join(top, 'file'), '')
      expect(await refusal(join(top, 'file/data'))).toContain('cannot be written (')
      await mkdir(join(top, 'database'))
      await writeFile(join(top, 'database/PG_VERSION'), '9\n')
      expect(await refusal(top)).toStartWith(`The embedded database in ${top}/database could not be opened (`)
      await rm(top, { recursive: true })
    },
    SLOW_MS,
  )

  test(
    'is not taken for prepared when the first start was interrupted',
    async () => {
      const dataDir = await temporaryDirectory()
      const first = startDatabaseProcess(dataDir)
      await eventually(() => stat(join(dataDir, 'database.new')))
      for (const pid of embeddedProcesses(dataDir)) process.kill(pid, 'SIGKILL')
      await first.kill()
      const database = await open(dataDir)
      expect(await database.alive()).toBe(true)
      await database.close()
      await rm(dataDir, { recursive: true })
    },
    SLOW_MS,
  )
})

describe('the process of the embedded database', () => {
  test(
    'has written what it acknowledged to the disk',
    async () => {
      const top = await temporaryDirectory()
      const directory = join(top, 'database')
      await prepareCluster(directory)
      let syncs = 0
      const files = new DurableFiles(directory, (descriptor) => {
        syncs++
        fsyncSync(descriptor)
      })
      const engine = await PGlite.create({ fs: files, startParams: ENGINE_START })
      expect((await engine.query('show fsync')).rows).toEqual([{ fsync: 'on' }])
      await engine.exec('create table t (id int)')
      for (let id = 0; id < 5; id++) {
        const before = syncs
        await engine.query('insert into t values ($1)', [id])
        expect(syncs).toBeGreaterThan(before)
      }
      await engine.close()
      await rm(top, { recursive: true })
    },
    SLOW_MS,
  )

  test(
    'ends after its server was killed, and the next server has every acknowledged row',
    async () => {
      const dataDir = await temporaryDirectory()
      const acknowledged: string[] = []
      for (let round = 0; round < 3; round++) {
        const server = startDatabaseProcess(dataDir)
        expect(await server.opened).toBe('open')
        await eventually(() => server.acknowledged.length > 30)
        // In the second round both die at once and leave their socket behind.
        if (round === 1) for (const pid of embeddedProcesses(dataDir)) process.kill(pid, 'SIGKILL')
        await server.kill()
        acknowledged.push(...server.acknowledged)
      }
      await eventually(() => embeddedProcesses(dataDir).length === 0)
      const database = await open(dataDir)
      const stored = await storedIds(database)
      expect(acknowledged.filter((id) => !stored.has(id))).toEqual([])
      expect(acknowledged.length).toBeGreaterThan(90)
      await database.close()
      expect(embeddedProcesses(dataDir)).toEqual([])
      await rm(dataDir, { recursive: true })
    },
    SLOW_MS,
  )

  test(
    'is started again when it dies, alone',
    async () => {
      const database = await openTestDatabase()
      const { dataDir } = database.options
      const [first] = embeddedProcesses(dataDir)
      await database.breakConnections()
      await eventually(() => database.alive())
      const after = embeddedProcesses(dataDir)
      expect(after.length).toBe(1)
      expect(after).not.toEqual([first])
      await database.close()
      expect(embeddedProcesses(dataDir)).toEqual([])
    },
    SLOW_MS,
  )

  test(
    'leaves it to its server to end on Ctrl-C and on a stop of the whole group',
    async () => {
      const database = await openTestDatabase()
      const [pid = 0] = embeddedProcesses(database.options.dataDir)
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal)
      await database.db.insert(person).values({ id: newId(), name: 'Mara', kind: 'member' })
      expect(embeddedProcesses(database.options.dataDir)).toEqual([pid])
      await database.close()
    },
    SLOW_MS,
  )

  test(
    'is not alive while it does not answer',
    async () => {
      const database = await openTestDatabase()
      const [pid = 0] = embeddedProcesses(database.options.dataDir)
      process.kill(pid, 'SIGSTOP')
      expect(await within(database.alive(), SLOW_MS / 2, 'That it is not alive')).toBe(false)
      process.kill(pid, 'SIGCONT')
      await eventually(() => database.alive())
      await database.close()
    },
    SLOW_MS,
  )

  test(
    'serves a new connection after the one before it, and rolls back what that one left open',
    async () => {
      const dataDir = await temporaryDirectory()
      const engine = await startEngine({ dataDir, log: silent })
      const connect = () =>
        new SQL({
          adapter: 'postgres',
          path: engine.path,
          username: engine.user,
          password: '',
          database: engine.database,
          max: 1,
          tls: false,
        })
      const first = connect()
      await first`create table t (id int)`
      const open = await first.reserve()
      await open`begin`
      await open`insert into t values (${1}::int)`
      await first.close({ timeout: 0 })
      for (let round = 0; round < 5; round++) {
        const next = connect()
        expect([...(await next`select count(*)::int as count from t where id = ${1}::int`)]).toEqual([{ count: 0 }])
        await next.close()
      }
      await engine.stop()
      await rm(dataDir, { recursive: true })
    },
    SLOW_MS,
  )

  test(
    'does not let its log and its tables grow without end',
    async () => {
      const database = await openTestDatabase()
      const { db } = database
      await db.execute(sql`create table filler (id int, text text)`)
      const fill = sql`insert into filler select g, string_agg(md5(random()::text || h), '') from generate_series(1, 800) g, generate_series(1, 60) h group by g`
      for (let round = 0; round < 12; round++) await db.execute(fill)
      await db.execute(sql`delete from filler where id > 100`)
      const measure = async () => {
        const [row] = await rows(
          db,
          sql`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::int as log, pg_relation_size('filler')::int as table from pg_control_checkpoint()`,
        )
        return { log: Number(row?.log), table: Number(row?.table) }
      }
      const before = await measure()
      expect(before.log).toBeGreaterThan(16 * 1024 * 1024)
      // The engine counts dead rows for its statistics at most once a second.
      await eventually(async () => {
        await upkeep(db)
        return (await rows(db, sql`select 1 from pg_stat_user_tables where relname = 'filler' and last_vacuum is not null`)).length > 0
      })
      await db.execute(fill)
      const after = await measure()
      expect(after.log).toBeLessThan(8 * 1024 * 1024)
      expect(after.table).toBeLessThan(before.table * 1.05)
      await database.close()
    },
    SLOW_MS,
  )
})
