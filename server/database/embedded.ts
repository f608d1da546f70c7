import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { StartError } from '../config.ts'
import type { Log } from '../log.ts'
import type { Door } from './door.ts'
import { startEmbedded } from './embedded-process.ts'
import { keepUp } from './embedded-upkeep.ts'
import { bunDoor } from './postgres.ts'
import { messageOf } from './start-failure.ts'

const SOCKET = '.s.PGSQL.5432'
/** The kernel's limit for the path of a Unix socket is 108 bytes with Linux and 104 with macOS, the zero at its end included. */
const SOCKET_PATH_BYTES = 103
const CONNECT_S = 10

/** The embedded database as a server of PostgreSQL's protocol, for one client at a time: the engine has a single session. */
export interface Engine {
  /** The socket's directory: what PostgreSQL's clients call the host, with port 5432. */
  readonly host: string
  /** The socket itself. */
  readonly path: string
  readonly user: string
  readonly database: string
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  /** Of which this process holds the lock. */
  readonly dataDir: string
  readonly log: Log
  readonly progress?: ((sentence: string) => void) | undefined
}

/** Starts the embedded database of a data directory. Throws a StartError when it cannot be opened. */
export async function startEngine({ dataDir, log, progress }: EmbeddedOptions): Promise<Engine> {
  const directory = join(dataDir, 'database')
  if (!existsSync(directory)) progress?.('Preparing the embedded database. This happens once.')
  const place = await socketPlace(dataDir)
  const path = join(place.directory, SOCKET)
  try {
    const running = await startEmbedded({ directory, socket: path, lockFile: join(dataDir, 'database.lock'), home: dataDir }, log)
    const stop = () => running.stop().finally(place.remove)
    return { host: place.directory, path, user: 'postgres', database: 'postgres', stop }
  } catch (error) {
    await place.remove()
    throw new StartError(`The embedded database in ${directory} could not be opened (${messageOf(error)}).`)
  }
}

/** The embedded database; the server talks to it as to any PostgreSQL. Throws a StartError when it cannot be opened. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Door> {
  const engine = await startEngine(options)
  const { path, user: username, database } = engine
  const client = new SQL({ adapter: 'postgres', path, username, password: '', database, tls: false, max: 1, connectionTimeout: CONNECT_S })
  const door = bunDoor(client)
  const stopUpkeep = keepUp(door.db, options.log)
  return {
    db: door.db,
    async close() {
      stopUpkeep()
      await door.close().finally(engine.stop)
    },
  }
}

/** A directory that only this user can enter: whoever reaches the socket is the database's owner, without a password. */
async function socketPlace(dataDir: string): Promise<{ directory: string; remove(): Promise<void> }> {
  const directory = join(dataDir, 'run')
  if (Buffer.byteLength(join(directory, SOCKET)) > SOCKET_PATH_BYTES) {
    const temporary = await mkdtemp(join(tmpdir(), 'confab-'))
    return { directory: temporary, remove: () => rm(temporary, { recursive: true, force: true }) }
  }
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o700)
  return { directory, remove: async () => {} }
}
