import { expect, test } from 'bun:test'
import { startPostgres } from '../support/postgres.ts'
import { killAndCheck, median } from './kill-cases.ts'

test('fifty times kill -9 on PostgreSQL: nothing that anybody saw is lost', async () => {
  const postgres = await startPostgres()
  try {
    const seed = Date.now() % 1_000_000
    console.log(`seed ${seed}`)
    const times = await killAndCheck({ rounds: 50, env: { DATABASE_URL: await postgres.createDatabase() }, seed })
    console.log(`served again after ${Math.round(median(times))} ms (median), ${Math.round(Math.max(...times))} ms (longest)`)
    expect(median(times)).toBeLessThan(2_000)
  } finally {
    await postgres.stop()
  }
}, 600_000)
