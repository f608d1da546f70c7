import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { runFile } from './suite.ts'

/* A runner that calls a crash a success would make every other test worthless. */

const folder = mkdtempSync(join(tmpdir(), 'confab-suite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function outcomeOf(name: string, code: string, limitMs = 20_000) {
  const file = join(folder, `${name}.test.ts`)
  writeFileSync(file, `import { describe, expect, beforeAll, test } from 'bun:test'\n${code}\n`)
  return runFile(file, limitMs)
}

describe('the outcome of a file', () => {
  test('counts what passed, failed and was left out', async () => {
    const outcome = await outcomeOf(
      'mixed',
      `test('a', () => {}); test('b', () => { expect(1).toBe(2) }); test('c', () => {}); test.skip('d', () => {})`,
    )
    expect(outcome).toMatchObject({ passed: 2, failed: 1, skipped: 1, reason: null })
    expect(outcome.output).toContain('(fail) b')
  })

  test('is a failure when the file cannot be loaded', async () => {
    expect(await outcomeOf('unloadable', `import './nowhere.ts'\ntest('a', () => {})`)).toMatchObject({ passed: 0, failed: 1 })
  })

  test('is a failure when its preparation throws', async () => {
    expect((await outcomeOf('unprepared', `beforeAll(() => { throw new Error('no') }); test('a', () => {})`)).failed).toBeGreaterThan(0)
  })

  test('is a failure when the process leaves in the middle with code 0', async () => {
    const outcome = await outcomeOf('left', `test('a', () => {}); test('b', () => { process.exit(0) }); test('c', () => {})`)
    expect(outcome).toMatchObject({ passed: 1, failed: 1, reason: 'ended with code 0 and without a report' })
  })

  test('is a failure when the process crashes', async () => {
    const outcome = await outcomeOf('crashed', `test('a', () => {}); test('b', () => { process.kill(process.pid, 'SIGABRT') })`)
    expect(outcome).toMatchObject({ passed: 1, failed: 1, reason: 'ended by SIGABRT' })
  })

  test('is a failure when there is no test in it', async () => {
    expect(await outcomeOf('empty', '')).toMatchObject({ passed: 0, failed: 1 })
  })

  test('is a failure when it hangs, and what it had started ends with it', async () => {
    const outcome = await outcomeOf(
      'hanging',
      `test('a', async () => { const child = Bun.spawn(['sleep', '600']); console.log('child ' + child.pid); await child.exited }, 600_000)`,
      2_000,
    )
    expect(outcome).toMatchObject({ passed: 0, failed: 1, reason: 'not done after 2 s' })
    const pid = Number(/^child (\d+)$/m.exec(outcome.output)?.[1])
    expect(pid).toBeGreaterThan(1)
    await eventually(() => !isRunning(pid))
  }, 20_000)
})

/** False, too, for a process that has ended but was not collected yet. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const state = `/proc/${pid}/stat`
    return !existsSync(state) || !/\) Z /.test(readFileSync(state, 'utf8'))
  } catch {
    return false
  }
}
