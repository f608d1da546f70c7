import { expect, test } from 'bun:test'
import { describeKills, killAndCheck } from './kill-cases.ts'

const KILLS = Number(process.env.KILLS ?? 120)

test(`${KILLS} times kill -9 on PostgreSQL: nothing is lost, nothing is twice, and everybody ends with the same`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  const figures = await killAndCheck({ kind: 'postgres', kills: KILLS, seed })
  console.log(describeKills(figures))
  // Kills that meet nothing would find nothing. How long a start takes is for those that run alone: see the browser's.
  expect(figures.kills).toBeGreaterThanOrEqual(KILLS)
  expect(figures.interrupted).toBeGreaterThan(KILLS / 20)
}, 400_000)
