import * as fc from 'fast-check'
import { substitute } from './loader.ts'
import { MUTANTS } from './mutants.ts'
import { install, real } from './realm.ts'
import { type Schedule, schedules, smaller } from './schedule.ts'

/*
 * One process that runs schedules: a WorkerInput as JSON on its standard input, and on its last line a WorkerReport as JSON. A process of
 * its own, because it takes time and chance away from whatever runs in it, and plants the bug before anything is imported.
 */
export type WorkerInput = {
  readonly seed: number
  readonly runs: number
  readonly store: 'light' | 'indexeddb'
  /** The name of a bug to plant; null: none. */
  readonly mutant: string | null
  /** Whether to leave out of a schedule that broke a rule what it does not need. */
  readonly smallest: boolean
  /** Instead of random ones. */
  readonly schedules?: readonly Schedule[]
}
export type WorkerReport = {
  readonly runs: number
  readonly ms: number
  readonly found: {
    readonly rule: string
    readonly what: string
    readonly path: string
    readonly schedule: Schedule
    readonly trace: readonly string[]
  } | null
}

/** For making a schedule simpler; each takes about 10 ms. */
const MOST_TRIES = 1_500

const input: WorkerInput = JSON.parse(await Bun.stdin.text())
const mutant = MUTANTS.find(({ name }) => name === input.mutant)
if (input.mutant !== null && !mutant) throw new Error(`there is no mutant ${input.mutant}`)
install()
substitute({ store: input.store, patches: mutant?.patches ?? [] })
const { installNetwork } = await import('./network.ts')
// The client fetches it when it is first wanted: here it has to be there by then, for nothing real may be waited for.
await import('../../web/sync/backfill.ts')
installNetwork()
const { browsers } = await (input.store === 'light' ? import('./peek-light.ts') : import('./peek-indexeddb.ts'))
const { play } = await import('./world.ts')
// From a task of its own: microtasks are drained by hand, which only their outermost level can do.
real.setImmediate(() => {
  console.log(JSON.stringify(input.schedules ? replay(input.schedules) : search()))
  process.exit(0)
})

function search(): WorkerReport {
  const from = real.now()
  let runs = 0
  const result = fc.check(
    fc.property(schedules, (schedule) => {
      runs++
      const found = play(schedule, browsers)
      if (found) throw found.violation
    }),
    // Made smaller below: here it would stay above 40 operations.
    { seed: input.seed, numRuns: input.runs, endOnFailure: true },
  )
  const schedule = result.counterexample?.[0]
  const ms = real.now() - from
  if (!schedule) return { runs, ms, found: null }
  const least = input.smallest ? shrink(schedule) : schedule
  const found = play(least, browsers, true)
  const { rule = 'broken', message: what = `does not happen again: ${String(result.errorInstance)}` } = found?.violation ?? {}
  return { runs, ms, found: { rule, what, path: result.counterexamplePath ?? '', schedule: least, trace: found?.trace ?? [] } }
}

/** The smallest schedule that breaks the same rule: whole parts are left out first, then fast-check makes what is left simpler. */
function shrink(schedule: Schedule): Schedule {
  const rule = play(schedule, browsers)?.violation.rule
  if (!rule) return schedule
  const less = fewer(schedule, rule)
  let tries = 0
  const result = fc.check(
    fc.property(smaller(less), (candidate) => tries++ > MOST_TRIES || play(candidate, browsers)?.violation.rule !== rule),
    { seed: input.seed, numRuns: 1, examples: [[less]] },
  )
  return result.counterexample?.[0] ?? less
}

function fewer(schedule: Schedule, rule: string): Schedule {
  let { operations } = schedule
  for (let size = operations.length >> 1; size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < operations.length;) {
      const rest = operations.toSpliced(at, size)
      if (play({ ...schedule, operations: rest }, browsers)?.violation.rule === rule) operations = rest
      else at += size
    }
  }
  return { ...schedule, operations }
}

function replay(list: readonly Schedule[]): WorkerReport {
  const from = real.now()
  for (const [index, schedule] of list.entries()) {
    const found = play(schedule, browsers, true)
    if (!found) continue
    const { rule, message: what } = found.violation
    return { runs: index + 1, ms: real.now() - from, found: { rule, what, path: String(index), schedule, trace: found.trace } }
  }
  return { runs: list.length, ms: real.now() - from, found: null }
}
