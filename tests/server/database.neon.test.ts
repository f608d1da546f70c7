import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { StartError } from '../../server/config.ts'
import { isNeon } from '../../server/database/neon.ts'
import { openDatabase } from '../../server/database/open.ts'
import { databaseCases } from '../support/database-cases.ts'
import { startNeonRelay } from '../support/neon-relay.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { silent, temporaryDirectory } from '../support/prepared-database.ts'

const START_MS = 60_000

databaseCases('neon')

test("goes through Neon's driver for the addresses of Neon only", () => {
  expect(isNeon('postgres://me:secret@ep-cool-name-123456.eu-central-1.aws.neon.tech/neondb?sslmode=require')).toBe(true)
  expect(isNeon('postgresql://me:secret@ep-cool-name-123456-pooler.us-east-2.aws.neon.tech/neondb')).toBe(true)
  expect(isNeon('postgres://me:neon.tech@db.example.org/neon.tech')).toBe(false)
  expect(isNeon('postgres://me:secret@neon.tech.example.org/db')).toBe(false)
})

describe('a start on Neon', () => {
  let postgres: Postgres
  let dataDir: string
  beforeAll(async () => {
    postgres = await startPostgres()
    dataDir = await temporaryDirectory()
  }, START_MS)
  afterAll(async () => {
    delete process.env.NEON_PROXY
    await postgres?.stop()
    await rm(dataDir, { recursive: true })
  }, START_MS)

  async function refusal(url: string): Promise<string> {
    const error: unknown = await openDatabase({ url, dataDir, log: silent }).then(
      (database) => database.close(),
      (reason) => reason,
    )
    if (!(error instanceof StartError)) throw new Error('expected a StartError', { cause: error })
    expect(error.message).not.toContain('secret')
    return error.message
  }

  test(
    'says that nothing answers, neither the relay nor the database behind it',
    async () => {
      process.env.NEON_PROXY = '127.0.0.1:1/v1'
      expect(await refusal(postgres.url)).toContain('cannot be reached')
      const relay = startNeonRelay({ host: '127.0.0.1', port: 1 })
      process.env.NEON_PROXY = relay.proxy
      expect(await refusal(postgres.url)).toContain('cannot be reached')
      await relay.stop()
    },
    START_MS,
  )

  test(
    'says that the login is refused or the database is not there',
    async () => {
      const relay = startNeonRelay(postgres)
      process.env.NEON_PROXY = relay.proxy
      expect(await refusal(postgres.url.replace('a-secret', 'wrong-secret'))).toContain(
        'refused the login (password authentication failed for user "postgres")',
      )
      expect(await refusal(`${postgres.url}-of-nobody`)).toContain('does not have the database that DATABASE_URL names')
      await relay.stop()
    },
    START_MS,
  )
})
