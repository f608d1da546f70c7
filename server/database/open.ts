import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { StartError } from '../config.ts'
import type { Log } from '../log.ts'
import { type Db, type Door, rows } from './door.ts'
import { openEmbedded } from './embedded.ts'
import { inTime } from './in-time.ts'
import { type Lock, takeLock } from './lock.ts'
import { migrate } from './migrate.ts'
import { isNeon, openNeon } from './neon.ts'
import { openPostgres } from './postgres.ts'
import { messageOf, startFailure } from './start-failure.ts'

export { type Db, rows } from './door.ts'

const ALIVE_MS = 2000

export interface Database {
  readonly db: Db
  readonly kind: 'embedded' | 'postgres' | 'neon'
  /** One cheap round trip; false when there is no answer within two seconds, or the database only lets itself be read. */
  alive(): Promise<boolean>
  /** Ends the connections (and the embedded database), then frees the data directory. May be called more than once. */
  close(): Promise<void>
}

export interface OpenOptions {
  /** null: the embedded database in the data directory. */
  readonly url: string | null
  readonly dataDir: string
  readonly log: Log
  /** Told, in a sentence for a person, what takes its time at a first start. */
  readonly progress?: (sentence: string) => void
}

/**
 * Takes the data directory for this process, opens the database and brings it up to date. The directory is taken whatever the database is:
 * the journals of running replies are in it. Throws a StartError that says in one sentence what is wrong.
 */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const lock = await lockDirectory(options.dataDir)
  if (lock === null) {
    throw new StartError(
      `The data directory ${options.dataDir} is in use by another running Confab. Stop that one, or set DATA_DIR to another directory.`,
    )
  }
  try {
    const { kind, door } = await openDoor(options)
    try {
      await migrate(door.db)
      door.migrated?.()
    } catch (error) {
      await door.close().catch(() => {})
      throw startFailure(error, options.url)
    }
    let closing: Promise<void> | undefined
    let looking: Promise<boolean> | undefined
    return {
      db: door.db,
      kind,
      // Whoever asks while somebody else's question is out shares its answer: anybody may ask, as often as they like.
      alive: () => (looking ??= isAlive(door.db).finally(() => (looking = undefined))),
      close: () => (closing ??= door.close().finally(() => lock.release())),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function openDoor({ url, dataDir, log, progress }: OpenOptions): Promise<{ kind: Database['kind']; door: Door }> {
  if (url === null) return { kind: 'embedded', door: await openEmbedded({ dataDir, log, progress }) }
  return isNeon(url) ? { kind: 'neon', door: openNeon(url, log) } : { kind: 'postgres', door: openPostgres(url, log) }
}

/** Makes the data directory if it is not there and takes its lock; null when another process has it. Throws a StartError when it cannot be written. */
export async function lockDirectory(dataDir: string): Promise<Lock | null> {
  try {
    const created = await mkdir(dataDir, { recursive: true, mode: 0o700 })
    if (created !== undefined) await chmod(dataDir, 0o700)
    return takeLock(join(dataDir, 'server.lock'))
  } catch (error) {
    throw new StartError(
      `The data directory ${dataDir} cannot be written (${messageOf(error)}). Give this user the right to write there, or set DATA_DIR to another directory.`,
    )
  }
}

async function isAlive(db: Db): Promise<boolean> {
  try {
    const [row] = await inTime(rows(db, sql`select current_setting('transaction_read_only') as read_only`), ALIVE_MS)
    return row?.read_only === 'off'
  } catch {
    return false
  }
}
