import { availableParallelism } from 'node:os'
import { describeFound, search } from './run.ts'

/*
 * `bun run test:soak [schedules]`: the model checker for as long as it takes, a million schedules unless told otherwise. It says how far it is, and ends at
 * the first schedule that breaks a rule.
 */
const RUNS = Number(process.argv[2] ?? 1_000_000)
const SEED = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 1_000_000_000))
const SAID_EVERY = 20_000

let said = 0
console.log(`MODEL_SEED=${SEED}, ${RUNS} schedules`)
const result = await search({
  seed: SEED,
  runs: RUNS,
  store: 'light',
  processes: availableParallelism(),
  onBatch: (runs) => {
    if (runs - said < SAID_EVERY) return
    said = runs
    console.log(`${runs} schedules, nothing found`)
  },
})
if (result.found) console.log(describeFound(result.found))
console.log(`${result.runs} schedules in ${(result.ms / 1000).toFixed(1)} s, ${result.found ? 'one' : 'none'} of them broke a rule`)
process.exit(result.found ? 1 : 0)
