import { expect, test } from 'bun:test'
import { describeKills, killAndCheck, median } from './kill-cases.ts'

const KILLS = { embedded: 10, postgres: 20 } as const

for (const kind of ['embedded', 'postgres'] as const) {
  test(`${KILLS[kind]} times kill -9 under a page in Chromium (${kind}): its screen never goes back, and it ends with the same as everybody`, async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
    console.log(`seed ${seed}`)
    const figures = await killAndCheck({ kind, kills: KILLS[kind], seed, page: true })
    console.log(describeKills(figures))
    expect(median(figures.servedMs)).toBeLessThan(2_000)
  }, 200_000)
}
