import { expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { embeddedProcesses, openTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/postgres.ts'
import { temporaryDirectory } from '../support/prepared-database.ts'

const ROOT = join(import.meta.dirname, '../..')
const SLOW_MS = 60_000

function start(dataDir: string, port: number) {
  return Bun.spawn([process.execPath, '--no-env-file', 'server/studio.ts', '--port', String(port)], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, DATA_DIR: dataDir },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
}

test(
  'the studio shows the embedded database, and leaves no process behind',
  async () => {
    const dataDir = await temporaryDirectory()
    const port = await freePort()
    const studio = start(dataDir, port)
    const ask = { type: 'proxy', data: { sql: 'select count(*)::int as people from person', params: [], method: 'all' } }
    const answer = await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        body: JSON.stringify(ask),
        headers: { 'content-type': 'application/json' },
      })
      return response.ok ? response.json() : null
    }, 40_000)
    expect(answer).toEqual([{ people: 0 }])
    studio.kill('SIGTERM')
    expect(await studio.exited).toBe(0)
    expect(embeddedProcesses(dataDir)).toEqual([])
    await rm(dataDir, { recursive: true })
  },
  SLOW_MS,
)

test(
  'the studio says that the server has to be stopped first',
  async () => {
    const database = await openTestDatabase()
    const studio = start(database.options.dataDir, 1)
    expect(await studio.exited).toBe(1)
    const said = await new Response(studio.stderr).text()
    expect(said).toBe(
      `Confab is running on ${database.options.dataDir}, and the embedded database has one user at a time. Stop the server, then start the studio.\n`,
    )
    await database.close()
  },
  SLOW_MS,
)
