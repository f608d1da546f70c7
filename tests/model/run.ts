import { join } from 'node:path'
import type { Schedule } from './schedule.ts'
import type { WorkerInput, WorkerReport } from './worker.ts'

const WORKER = join(import.meta.dirname, 'worker.ts')
/** A process is replaced after so many schedules: what the engine of the language keeps of them adds up. */
const BATCH = 2_000

export type Found = NonNullable<WorkerReport['found']> & { readonly seed: number }
export type Search = { readonly runs: number; readonly ms: number; readonly found: Found | null }

/** Runs schedules in a process of its own. */
export async function work(input: WorkerInput, signal?: AbortSignal): Promise<WorkerReport> {
  const child = Bun.spawn([process.execPath, '--no-env-file', WORKER], {
    stdin: new Blob([JSON.stringify(input)]),
    stdout: 'pipe',
    stderr: 'pipe',
    ...(signal ? { signal } : {}),
  })
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  const last = out.trim().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) throw new Error(`the worker with seed ${input.seed} ended without a report: ${errors.slice(-2_000)}`)
  return JSON.parse(last)
}

/** Looks for a schedule that breaks a rule, in several processes at once. The same seed looks at the same schedules. */
export async function search(options: {
  readonly seed: number
  readonly runs: number
  readonly store: WorkerInput['store']
  readonly processes: number
  readonly onBatch?: (runs: number) => void
}): Promise<Search> {
  const { seed, runs, store, processes, onBatch } = options
  const from = performance.now()
  const stop = new AbortController()
  const size = Math.min(BATCH, Math.ceil(runs / processes))
  const batches = Array.from({ length: Math.ceil(runs / size) }, (_, index) => seed + index).values()
  let done = 0
  let found: Found | null = null
  const lane = async () => {
    for (const mine of batches) {
      const report = await work({ seed: mine, runs: size, store, mutant: null, smallest: true }, stop.signal).catch((error: unknown) => {
        if (stop.signal.aborted) return null
        throw error
      })
      if (!report) return
      done += report.runs
      onBatch?.(done)
      if (!report.found) continue
      found ??= { ...report.found, seed: mine }
      stop.abort()
    }
  }
  await Promise.all(Array.from({ length: processes }, lane))
  return { runs: done, ms: performance.now() - from, found }
}

/** What was found, as a person needs it: the rule, how to see it again, and everything that happened. */
export function describeFound({ what, schedule, trace }: Found): string {
  return [
    what,
    '',
    `Run it again: MODEL_SCHEDULE='${JSON.stringify(schedule)}' bun test tests/model/checker.test.ts`,
    '',
    ...trace.slice(-200),
  ].join('\n')
}

/** The seed that the environment asks for, or another one every time. */
export function newSeed(): number {
  return Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 1_000_000_000))
}

/** The schedule that the environment asks for. */
export function askedFor(): Schedule | null {
  const text = process.env.MODEL_SCHEDULE
  // Printed by a run of the same checker.
  return text ? (JSON.parse(text) as Schedule) : null
}
