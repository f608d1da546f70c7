import { expect, test } from 'bun:test'
import { describeKills, killAndCheck, median } from './kill-cases.ts'

const KILLS = Number(process.env.KILLS ?? 120)

test(`${KILLS} times kill -9 on PostgreSQL: nothing is lost, nothing is twice, and everybody ends with the same`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  const figures = await killAndCheck({ kind: 'postgres', kills: KILLS, seed })
  console.log(describeKills(figures))
  expect(median(figures.servedMs)).toBeLessThan(2_000)
}, 400_000)
