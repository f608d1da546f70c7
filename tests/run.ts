import { join } from 'node:path'
import { ensureChromium } from './support/chromium.ts'
import { messageOf } from './support/eventually.ts'
import { endAll, type Outcome, runFile } from './support/suite.ts'

/*
 * `bun run test [part of a path …]`: the client is built, then every tests/**\/*.test.ts runs in a process of its own: four at a time, then those that
 * drive a browser, two at a time, and then, alone, those that measure time or take the whole machine. The last line is `N passed, N failed`.
 */
const ROOT = join(import.meta.dirname, '..')
const AT_ONCE = 2
/** Those without a browser wait more than they work. */
const AT_ONCE_WITHOUT_BROWSER = 4
/** They take longest: begun last, one of them would keep all others waiting. */
const FIRST = /\/(kill|partitions|database-away|replies|unfinished|database\.embedded|attack|offline|rooms|settings|people)/
const ALONE = /^tests\/(model\/|flows\/(kill\.browser|limits|start)\.|browser\/speed\.)/
const FILE_MS = 10 * 60_000
/** All of it takes about eighteen minutes on a machine of two processors that does nothing else; a busy one takes its time. */
const TOTAL_MS = 45 * 60_000

const startedAt = performance.now()
const total = { passed: 0, failed: 0 }

process.chdir(ROOT)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    endAll()
    process.exit(130)
  })
}

const filters = process.argv.slice(2)
const files = [...new Bun.Glob('tests/**/*.test.ts').scanSync('.')]
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
  .sort((one, other) => Number(FIRST.test(other)) - Number(FIRST.test(one)) || (one < other ? -1 : 1))
const browser = files.filter((file) => file.endsWith('.browser.test.ts'))
const alone = files.filter((file) => ALONE.test(file))
const together = files.filter((file) => !alone.includes(file))

if (files.length === 0) refuse(`No test file matches ${filters.join(' ')}.`)
if (!(await buildClient())) refuse('The client could not be built.')

// An installation takes a minute, and the first tests need no browser.
const chromium = browser.length > 0 ? ensureChromium().catch((error: unknown) => new Error(messageOf(error))) : Promise.resolve('')
await lanes(
  together.filter((file) => !browser.includes(file)),
  AT_ONCE_WITHOUT_BROWSER,
  (file) => run(file),
)
const path = await chromium
if (path instanceof Error) console.log(path.message)
const withBrowser = (file: string) => {
  if (path instanceof Error && browser.includes(file)) return fail(file, 'there is no Chromium')
  return run(file, typeof path === 'string' && path !== '' ? { CHROMIUM_PATH: path } : {})
}
await lanes(
  together.filter((file) => browser.includes(file)),
  AT_ONCE,
  withBrowser,
)
await lanes(alone, 1, withBrowser)

console.log(`${files.length} files in ${seconds(performance.now() - startedAt)}`)
finish()

async function lanes(list: string[], count: number, work: (file: string) => void | Promise<void>): Promise<void> {
  const waiting = list.values()
  const lane = async () => {
    for (const file of waiting) await work(file)
  }
  await Promise.all(Array.from({ length: count }, lane))
}

async function run(file: string, env: Record<string, string> = {}): Promise<void> {
  const leftMs = startedAt + TOTAL_MS - performance.now()
  if (leftMs <= 0) return fail(file, 'there was no time left for it')
  const outcome = await runFile(file, Math.min(FILE_MS, leftMs), env)
  total.passed += outcome.passed
  total.failed += outcome.failed
  console.log(describe(file, outcome))
  if (outcome.failed > 0) console.log(`${outcome.output.trim()}\n`)
}

function describe(file: string, { passed, failed, skipped, ms, reason }: Outcome): string {
  const counts = [`${passed} ok`, failed > 0 ? `${failed} not` : '', skipped > 0 ? `${skipped} left out` : ''].filter(Boolean).join(', ')
  return `${failed === 0 ? 'ok    ' : 'FAILED'} ${file} (${counts}, ${seconds(ms)})${reason === null ? '' : `: ${reason}`}`
}

function fail(file: string, reason: string): void {
  total.failed += 1
  console.log(`FAILED ${file}: ${reason}`)
}

async function buildClient(): Promise<boolean> {
  const child = Bun.spawn([process.execPath, 'web/build.ts'], { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  return (await child.exited) === 0
}

function refuse(sentence: string): never {
  console.log(sentence)
  total.failed += 1
  finish()
}

function finish(): never {
  console.log(`${total.passed} passed, ${total.failed} failed`)
  process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
