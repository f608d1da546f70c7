import { expect, test } from 'bun:test'
import { kept } from './kept.ts'
import { askedFor, describeFound, search, work } from './run.ts'

/*
 * Every run looks at the same schedules: when it fails, what was changed has failed it. MODEL_SEED=<number> looks at others, as the soak does by the
 * million, and MODEL_SCHEDULE=<json> at a single one.
 */
const SEED = Number(process.env.MODEL_SEED ?? 1)
const RUNS = 20_000
/** Over the real Dexie, which takes several times as long. */
const INDEXEDDB_RUNS = 300
const PROCESSES = 2
const LIMIT_MS = 8 * 60_000

const asked = askedFor()

test('the schedules that have found a bug find it no more', async () => {
  expect(kept.length).toBeGreaterThan(5)
  for (const store of ['light', 'indexeddb'] as const) {
    const report = await work({ seed: 0, runs: 0, store, mutant: null, smallest: false, schedules: kept.map(({ schedule }) => schedule) })
    expect(report.found?.what, `${kept[report.runs - 1]?.what} (${store})`).toBeUndefined()
    expect(report.runs).toBe(kept.length)
  }
}, 60_000)

if (asked) {
  test('the schedule that was asked for keeps all rules', async () => {
    const { found } = await work({ seed: 0, runs: 0, store: 'light', mutant: null, smallest: false, schedules: [asked] })
    if (found) throw new Error(describeFound({ ...found, seed: 0 }))
  })
} else {
  for (const [store, runs] of [
    ['light', RUNS],
    ['indexeddb', INDEXEDDB_RUNS],
  ] as const) {
    test(
      `nothing is lost, doubled, reordered or left apart in ${runs} random schedules (${store})`,
      async () => {
        console.log(`MODEL_SEED=${SEED}`)
        const result = await search({ seed: SEED, runs, store, processes: PROCESSES })
        console.log(`${result.runs} schedules in ${(result.ms / 1000).toFixed(1)} s`)
        if (result.found) throw new Error(describeFound(result.found))
        expect(result.runs).toBeGreaterThanOrEqual(runs)
      },
      LIMIT_MS,
    )
  }
}
