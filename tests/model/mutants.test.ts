import { expect, test } from 'bun:test'
import { kept } from './kept.ts'
import { misfit } from './loader.ts'
import { MUTANTS } from './mutants.ts'
import { work } from './run.ts'

/*
 * Who checks the checker: with any of these bugs in the sources it has to find a schedule that breaks a rule. A bug that was once in the product has
 * to be found by the schedule that is kept for it, which is worn out otherwise; any other one among the first random schedules of one seed. A mutant
 * whose text is not in the source any more fails the first test.
 */
const SEED = 7
const MOST_RUNS = 1_500
const PROCESSES = 2
const LIMIT_MS = 6 * 60_000

const common = { seed: SEED, runs: MOST_RUNS, store: 'light', smallest: false } as const

async function lanes<T>(list: readonly T[], task: (one: T) => Promise<void>): Promise<void> {
  const waiting = list.values()
  const lane = async () => {
    for (const one of waiting) await task(one)
  }
  await Promise.all(Array.from({ length: PROCESSES }, lane))
}

test('every planted bug fits the sources as they are', () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20)
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  expect(MUTANTS.flatMap(({ patches }) => misfit(patches) ?? [])).toEqual([])
})

test(
  `every one of ${MUTANTS.length} planted bugs is found`,
  async () => {
    const missed: string[] = []
    const worn: string[] = []
    await lanes(MUTANTS, async ({ name }) => {
      const mine = kept.filter(({ mutant }) => mutant === name).map(({ schedule }) => schedule)
      const known = mine.length > 0 ? await work({ ...common, mutant: name, schedules: mine }) : null
      if (known && !known.found) worn.push(name)
      const report = known?.found ? known : await work({ ...common, mutant: name })
      if (report.found) console.log(`${name}: after ${report.runs}, ${report.found.what.slice(0, 100)}`)
      else missed.push(name)
    })
    expect({ missed, worn }).toEqual({ missed: [], worn: [] })
  },
  LIMIT_MS,
)
