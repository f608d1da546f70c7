import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const TEST_MS = 30_000
const SHOWN_CHARACTERS = 40_000
// A test must not see the settings that a developer has for a server of their own.
const SETTINGS = /^(PRIVATE_|GEMINI_|TLS_)|^(PORT|HOST|DATA_DIR|DATABASE_URL|REDIS_URL|PUBLIC_URL|TRUST_PROXY|LOG_LEVEL)$/

export type Outcome = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly ms: number
  /** Why a file failed as a whole, beside what its tests say; null: it did not. */
  readonly reason: string | null
  /** The last of what the tests printed. */
  readonly output: string
}

const running = new Set<number>()

/** Ends the process groups of all files that are being run, with every server and browser they have started. */
export function endAll(): void {
  for (const pid of running) endGroup(pid)
}

/**
 * Runs one test file in a process of its own, which is ended with all its children after `limitMs`. Never throws: a file that crashes,
 * hangs, leaves in the middle or holds no test is an outcome with a failure.
 */
export async function runFile(file: string, limitMs: number, env: Record<string, string> = {}): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'confab-suite-'))
  const report = join(folder, 'report.xml')
  const printed = join(folder, 'output')
  // A file, not a pipe: a grandchild that outlives the tests would hold a pipe open.
  const descriptor = openSync(printed, 'w')
  const startedAt = performance.now()
  const child = Bun.spawn(
    [process.execPath, '--no-env-file', 'test', resolve(file), `--timeout=${TEST_MS}`, '--reporter=junit', `--reporter-outfile=${report}`],
    { env: { ...clean(process.env), ...env }, stdin: 'ignore', stdout: descriptor, stderr: descriptor, detached: true },
  )
  running.add(child.pid)
  let late = false
  const timer = setTimeout(() => {
    late = true
    endGroup(child.pid)
  }, limitMs)
  const code = await child.exited
  clearTimeout(timer)
  // What the tests left running (a browser, a server) ends with them.
  endGroup(child.pid)
  running.delete(child.pid)
  closeSync(descriptor)
  const output = readFileSync(printed, 'utf8').slice(-SHOWN_CHARACTERS)
  const counts = readReport(report)
  rmSync(folder, { recursive: true, force: true })
  const reason = late ? `not done after ${Math.round(limitMs / 1000)} s` : whole(code, child.signalCode, counts)
  const { passed, failed, skipped } = counts ?? countPrinted(output)
  return { passed, failed: reason === null ? failed : Math.max(1, failed), skipped, ms: performance.now() - startedAt, reason, output }
}

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number }

/** The totals of Bun's JUnit report; null when there is none: Bun writes it only when a run comes to its end. */
function readReport(path: string): Counts | null {
  let xml: string
  try {
    xml = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const totals = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? ''
  const number = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(totals)?.[1] ?? 'NaN')
  const [tests, failed, skipped] = [number('tests'), number('failures'), number('skipped')]
  return Number.isNaN(tests + failed + skipped) ? null : { passed: tests - failed - skipped, failed, skipped }
}

/** What a run without a report had done by its end. */
function countPrinted(output: string): Counts {
  const count = (mark: string) => output.split('\n').filter((line) => line.startsWith(`(${mark}) `)).length
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') }
}

function whole(code: number, signal: string | number | null, counts: Counts | null): string | null {
  if (signal !== null) return `ended by ${signal}`
  if (counts === null) return `ended with code ${code} and without a report`
  if (counts.passed + counts.failed === 0) return 'ran no test'
  if (code !== 0 && counts.failed === 0) return `ended with code ${code}`
  return null
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is empty.
  }
}

function clean(env: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !SETTINGS.test(name)))
}
