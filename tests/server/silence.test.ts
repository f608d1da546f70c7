import { expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { sql } from 'drizzle-orm'
import { rows } from '../../server/database/door.ts'
import { type Database, openDatabase } from '../../server/database/open.ts'
import { person } from '../../server/database/schema.ts'
import { isUnavailable } from '../../server/database/sql-state.ts'
import { newId } from '#contract'
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts'
import { silent, temporaryDirectory } from '../support/prepared-database.ts'
import { within } from '../support/eventually.ts'
import { startNeonRelay } from '../support/neon-relay.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'

/** Ten seconds without a word, as long again for a rollback that nobody hears, and what is needed to give up. */
const BOUND_MS = 30_000

/** Everything that was asked of a path that has died ends, and what is asked afterwards is answered. */
async function outlives(database: Database, network: ChaosProxy): Promise<void> {
  const { db } = database
  const one = () => rows(db, sql`select 1::int as one`)
  await Promise.all(Array.from({ length: 12 }, one))
  network.setAll({ kind: 'swallow' })
  const values = () => ({ id: newId(), name: 'nobody', kind: 'guest' as const })
  const asked = [
    ...Array.from({ length: 12 }, one),
    db.insert(person).values(values()),
    ...Array.from({ length: 12 }, () => db.transaction(async (tx) => tx.insert(person).values(values()))),
  ]
  const failures = await within(Promise.allSettled(asked), BOUND_MS, 'The end of what was asked')
  for (const result of failures) expect(result.status === 'rejected' && isUnavailable(result.reason)).toBe(true)
  expect((await one())[0]?.one).toBe(1)
  expect(await db.transaction(async (tx) => tx.select({ id: person.id }).from(person))).toEqual([])
  expect(await database.alive()).toBe(true)
}

for (const kind of ['postgres', 'neon'] as const) {
  test(`connections that die without a word do not hang the server (${kind})`, async () => {
    await using stack = new AsyncDisposableStack()
    const postgres: Postgres = await startPostgres()
    stack.defer(() => postgres.stop())
    const dataDir = await temporaryDirectory()
    stack.defer(() => rm(dataDir, { recursive: true }))
    const relay = kind === 'neon' ? startNeonRelay(postgres) : null
    stack.defer(() => relay?.stop())
    const network = await startChaosProxy({ port: relay ? Number(relay.proxy.split(':')[1]?.split('/')[0]) : postgres.port })
    stack.defer(() => network.stop())
    if (relay) process.env.NEON_PROXY = `127.0.0.1:${network.port}/v1`
    stack.defer(() => void delete process.env.NEON_PROXY)
    const url = relay ? postgres.url : postgres.url.replace(`:${postgres.port}/`, `:${network.port}/`)
    const database = await openDatabase({ url, dataDir, log: silent })
    stack.defer(() => database.close())
    expect(database.kind).toBe(kind)
    await outlives(database, network)
  }, 90_000)
}
