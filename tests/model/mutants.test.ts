import { expect, test } from 'bun:test'
import { kept } from './kept.ts'
import { MUTANTS } from './mutants.ts'
import { work } from './run.ts'

/*
 * Who checks the checker: with any of these bugs in the sources it has to find a schedule that breaks a rule, among the first random ones of one
 * seed, or for the rarest among those that are kept because they have found a bug.
 */

const SEED = 7
const MOST_RUNS = 1_500
const PROCESSES = 2
const LIMIT_MS = 6 * 60_000

test(
  `every one of ${MUTANTS.length} planted bugs is found`,
  async () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20)
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
    const missed: string[] = []
    const waiting = MUTANTS.values()
    const lane = async () => {
      for (const { name } of waiting) {
        const common = { seed: SEED, runs: MOST_RUNS, store: 'light', mutant: name, smallest: false } as const
        const random = await work(common)
        const report = random.found ? random : await work({ ...common, schedules: kept })
        if (report.found) console.log(`${name}: after ${report.runs}, ${report.found.what.slice(0, 100)}`)
        else missed.push(name)
      }
    }
    await Promise.all(Array.from({ length: PROCESSES }, lane))
    expect(missed).toEqual([])
  },
  LIMIT_MS,
)
