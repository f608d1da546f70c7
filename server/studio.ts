import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, readConfig, StartError } from './config.ts'
import { openEmbedded, startEngine } from './database/embedded.ts'
import { migrate } from './database/migrate.ts'
import { lockDirectory } from './database/open.ts'
import { createLog, type Log } from './log.ts'

const ROOT = join(import.meta.dirname, '..')
const DRIZZLE_KIT = join(ROOT, 'node_modules/drizzle-kit/bin.cjs')
const SCHEMA = join(import.meta.dirname, 'database/schema.ts')

/** What drizzle-kit connects to, and what has to end after it. */
type Target = { readonly credentials: Record<string, string | number | boolean>; stop(): Promise<void> }

/**
 * Opens Drizzle Studio for the configured database until a signal ends it; resolves with drizzle-kit's exit code. The embedded
 * database has one user at a time, so it cannot be looked at while the server runs: then it throws a StartError that says so.
 */
export async function studio(config: Config, log: Log): Promise<number> {
  const target =
    config.databaseUrl === null
      ? await embeddedTarget(config.dataDir, log)
      : { credentials: { url: config.databaseUrl }, stop: async () => {} }
  // In a file that only this user can read: a command line is everybody's, and the address holds a password.
  const directory = await mkdtemp(join(tmpdir(), 'confab-studio-'))
  const file = join(directory, 'drizzle.config.json')
  try {
    const content = { dialect: 'postgresql', schema: SCHEMA, casing: 'snake_case', dbCredentials: target.credentials }
    await writeFile(file, JSON.stringify(content), { mode: 0o600 })
    const options = ['--host', '127.0.0.1', '--config', file, ...process.argv.slice(2)]
    const child = Bun.spawn([process.execPath, '--bun', DRIZZLE_KIT, 'studio', ...options], {
      cwd: ROOT,
      stdio: ['inherit', 'inherit', 'inherit'],
    })
    let asked = false
    const end = () => {
      asked = true
      child.kill('SIGTERM')
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
    const code = await child.exited
    return asked ? 0 : code
  } finally {
    await rm(directory, { recursive: true, force: true })
    await target.stop()
  }
}

async function embeddedTarget(dataDir: string, log: Log): Promise<Target> {
  const lock = await lockDirectory(dataDir)
  if (lock === null) {
    throw new StartError(
      `Confab is running on ${dataDir}, and the embedded database has one user at a time. Stop the server, then start the studio.`,
    )
  }
  try {
    // Opened and closed once, so that what is shown is up to date; its connection would be in the way of the studio's.
    const door = await openEmbedded({ dataDir, log })
    await migrate(door.db).finally(door.close)
    const engine = await startEngine({ dataDir, log })
    const { host, user, database } = engine
    return {
      // drizzle-kit wants a password; nobody asks for it.
      credentials: { host, port: 5432, user, password: 'none', database, ssl: false },
      stop: () => engine.stop().finally(() => lock.release()),
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

if (import.meta.main) {
  try {
    process.exit(await studio(readConfig(process.env), createLog('warn')))
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
