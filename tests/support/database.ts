import { existsSync } from 'node:fs'
import { chmod, cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { type Database, openDatabase, type OpenOptions } from '../../server/database/open.ts'
import type { Log } from '../../server/log.ts'
import { startNeonRelay } from './neon-relay.ts'
import { startPostgres } from './postgres.ts'

export interface TestDatabase extends Database {
  /** What it was opened with: to open it again after its close. */
  readonly options: OpenOptions
  /** Breaks the connections from the database's side, as its crash does. */
  breakConnections(): Promise<void>
  /** Closes it if that was not done yet, and deletes its data directory. */
  remove(): Promise<void>
}

/** The servers behind one kind of database, for the tests of one file. */
export interface DatabaseFixture {
  readonly kind: Database['kind']
  /** A new, empty, migrated database. */
  open(): Promise<TestDatabase>
  stop(): Promise<void>
}

/** The tests break connections on purpose; what the server logs about it would only hide what matters. */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

export async function startDatabases(kind: Database['kind']): Promise<DatabaseFixture> {
  switch (kind) {
    case 'embedded':
      return embedded()
    case 'postgres':
    case 'neon':
      return served(kind)
  }
}

/** One empty, migrated database with all that it needs; its close ends and removes everything. */
export async function openTestDatabase(kind: Database['kind'] = 'embedded'): Promise<TestDatabase> {
  const fixture = await startDatabases(kind)
  const database = await fixture.open()
  const close = () => database.remove().then(fixture.stop)
  return { ...database, close, remove: close }
}

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'confab-test-'))
}

/** The process ids of the embedded databases of a data directory. */
export function embeddedProcesses(dataDir: string): number[] {
  const { stdout } = Bun.spawnSync(['ps', '-A', '-ww', '-o', 'pid=,args='])
  const lines = stdout.toString().split('\n')
  return lines.filter((line) => line.includes('embedded-child.ts') && line.includes(`${dataDir}/`)).map((line) => Number.parseInt(line, 10))
}

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/confab-database')
const MIGRATIONS = join(import.meta.dirname, '../../migrations')

/**
 * An empty, migrated database that was closed in order, kept from one run to the next until the migrations or the engine change: copying
 * it takes a fraction of a first start.
 */
async function preparedDatabase(): Promise<string> {
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort()
  const hash = new Bun.CryptoHasher('sha256').update(manifest.dependencies['@electric-sql/pglite'])
  for (const name of names) hash.update(await Bun.file(join(MIGRATIONS, name)).bytes())
  const ready = join(CACHE, hash.digest('hex').slice(0, 16))
  if (existsSync(ready)) return ready
  const dataDir = await temporaryDirectory()
  await (await openDatabase({ url: null, dataDir, log: silent })).close()
  // Beside its place first: another run may look for it while it is copied.
  const unfinished = `${ready}.${process.pid}`
  await cp(join(dataDir, 'database'), unfinished, { recursive: true })
  await rename(unfinished, ready).catch(() => rm(unfinished, { recursive: true, force: true }))
  await rm(dataDir, { recursive: true, force: true })
  return ready
}

function embedded(): DatabaseFixture {
  return {
    kind: 'embedded',
    async open() {
      const dataDir = await temporaryDirectory()
      await cp(await preparedDatabase(), join(dataDir, 'database'), { recursive: true })
      // A copy has the mode of whoever copies.
      await chmod(join(dataDir, 'database'), 0o700)
      return testDatabase({ url: null, dataDir, log: silent }, async () => {
        for (const pid of embeddedProcesses(dataDir)) process.kill(pid, 'SIGKILL')
      })
    },
    async stop() {},
  }
}

async function served(kind: 'postgres' | 'neon'): Promise<DatabaseFixture> {
  const postgres = await startPostgres()
  const relay = kind === 'neon' ? startNeonRelay(postgres) : null
  if (relay) process.env.NEON_PROXY = relay.proxy
  return {
    kind,
    async open() {
      const url = await postgres.createDatabase()
      return testDatabase({ url, dataDir: await temporaryDirectory(), log: silent }, async () => {
        await postgres.terminate(url)
      })
    },
    async stop() {
      delete process.env.NEON_PROXY
      await relay?.stop()
      await postgres.stop()
    },
  }
}

async function testDatabase(options: OpenOptions, breakConnections: () => Promise<void>): Promise<TestDatabase> {
  const database = await openDatabase(options)
  return {
    ...database,
    options,
    breakConnections,
    async remove() {
      await database.close()
      await rm(options.dataDir, { recursive: true, force: true })
    },
  }
}
