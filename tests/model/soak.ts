import { availableParallelism } from 'node:os'
import { describeFound, newSeed, search } from './run.ts'

const RUNS = 1_000_000
const SAID_EVERY = 20_000

/** Plays so many schedules, and says how far it is. Rejects with the first one that breaks a rule. */
export async function soakModel(runs = RUNS): Promise<void> {
  const seed = newSeed()
  let said = 0
  console.log(`${runs} schedules, MODEL_SEED=${seed}`)
  const {
    runs: done,
    ms,
    found,
  } = await search({
    seed,
    runs,
    store: 'light',
    processes: availableParallelism(),
    onBatch: (soFar) => {
      if (soFar - said < SAID_EVERY) return
      said = soFar
      console.log(`${soFar} schedules, nothing found`)
    },
  })
  if (found) throw new Error(describeFound(found))
  console.log(`${done} schedules in ${(ms / 1000).toFixed(1)} s, and none of them broke a rule`)
}
