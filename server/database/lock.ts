import { Database } from 'bun:sqlite'

export interface Lock {
  release(): void
}

/**
 * Takes a lock file for this process; null when another one holds it, after waiting for `waitMs` (the wait blocks the process).
 * It is SQLite's own file lock: the kernel releases it when the holder dies, also of `kill -9`, so there is nothing stale to clean up.
 */
export function takeLock(file: string, waitMs = 0): Lock | null {
  const database = new Database(file, { create: true })
  try {
    database.run(`pragma busy_timeout = ${waitMs}`)
    database.run('pragma journal_mode = delete')
    database.run('begin exclusive')
  } catch (error) {
    database.close()
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_BUSY')) return null
    throw error
  }
  return {
    release() {
      database.run('rollback')
      database.close()
    },
  }
}
