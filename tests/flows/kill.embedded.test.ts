import { expect, test } from 'bun:test'
import { killAndCheck, median } from './kill-cases.ts'

test('fifty times kill -9 on the embedded database: nothing that anybody saw is lost', async () => {
  const seed = Date.now() % 1_000_000
  console.log(`seed ${seed}`)
  const times = await killAndCheck({ rounds: 50, env: {}, seed })
  console.log(`served again after ${Math.round(median(times))} ms (median), ${Math.round(Math.max(...times))} ms (longest)`)
  expect(median(times)).toBeLessThan(2_000)
}, 600_000)
