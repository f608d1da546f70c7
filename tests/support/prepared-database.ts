import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { openDatabase } from '../../server/database/open.ts'
import type { Log } from '../../server/log.ts'

/** The tests break connections on purpose; what the server logs about it would only hide what matters. */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/confab-database')
const MIGRATIONS = join(import.meta.dirname, '../../migrations')

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'confab-test-'))
}

/** Puts an empty, migrated embedded database into a data directory that has none: copying it takes a fraction of a first start. */
export async function prepareDatabase(dataDir: string): Promise<void> {
  const directory = join(dataDir, 'database')
  if (existsSync(directory)) return
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await cp(await preparedDatabase(), directory, { recursive: true })
  // A copy has the mode of whoever copies.
  await chmod(directory, 0o700)
}

/** A database that was closed in order, kept from one run to the next until the migrations or the engine change. */
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
