import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { StartError } from '../config.ts'
import { type Log, reason } from '../log.ts'
import type { Door } from './door.ts'
import { startEmbedded } from './embedded-process.ts'
import { keepUp } from './embedded-upkeep.ts'
import { bunDoor } from './postgres.ts'

const SOCKET = '.s.PGSQL.5432'
/** The kernel's limit for the path of a Unix socket is 108 bytes with Linux and 104 with macOS, the zero at its end included. */
const SOCKET_PATH_BYTES = 103
const CONNECT_S = 10

export interface EmbeddedDoor extends Door {
  /** The process that the database runs in now. */
  pid(): number
  readonly socket: string
}

/**
 * The embedded database of a data directory that this process holds the lock of. The server talks to it as to any PostgreSQL. Throws a StartError
 * when it cannot be opened.
 */
export async function openEmbedded(options: { dataDir: string; log: Log; progress?: (sentence: string) => void }): Promise<EmbeddedDoor> {
  const { dataDir, log } = options
  const directory = join(dataDir, 'database')
  if (!existsSync(directory)) options.progress?.('Preparing the embedded database. This happens once.')
  const place = await socketPlace(dataDir)
  const socket = join(place.directory, SOCKET)
  const running = await startEmbedded({ directory, socket, lockFile: join(dataDir, 'database.lock'), home: dataDir }, log).catch((error) => {
    throw new StartError(`The embedded database in ${directory} could not be opened (${reason(error)}).`)
  })
  // One connection: the engine has a single session, so a second one would share prepared statements and transactions with the first.
  const client = new SQL({ adapter: 'postgres', path: socket, username: 'postgres', password: '', database: 'postgres', max: 1, tls: false, connectionTimeout: CONNECT_S })
  const door = bunDoor(client)
  const stopUpkeep = keepUp(door.db, log)
  return {
    db: door.db,
    pid: running.pid,
    socket,
    async close() {
      stopUpkeep()
      await door.close()
      await running.stop()
      await place.remove()
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
