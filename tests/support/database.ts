import { rm } from 'node:fs/promises'
import { type Database, openDatabase, type OpenOptions } from '../../server/database/open.ts'
import { startNeonRelay } from './neon-relay.ts'
import { startPostgres } from './postgres.ts'
import { prepareDatabase, silent, temporaryDirectory } from './prepared-database.ts'

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

/** The process ids of the embedded databases of a data directory. */
export function embeddedProcesses(dataDir: string): number[] {
  const { stdout } = Bun.spawnSync(['ps', '-A', '-ww', '-o', 'pid=,args='])
  const lines = stdout.toString().split('\n')
  return lines.filter((line) => line.includes('embedded-child.ts') && line.includes(`${dataDir}/`)).map((line) => Number.parseInt(line, 10))
}

function embedded(): DatabaseFixture {
  return {
    kind: 'embedded',
    async open() {
      const dataDir = await temporaryDirectory()
      await prepareDatabase(dataDir)
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
