import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }

/*
 * `bun run check`: everything that can be known without running the product. One line for each check, the whole output of those that failed,
 * exit code 1 if any did.
 */
const ROOT = join(import.meta.dirname, '..')
const AT_ONCE = 2

type Check = { readonly name: string; readonly run: () => Promise<Result> }
type Result = { readonly ok: boolean; readonly output: string }

// Longest first, so that the two lanes end at about the same time.
const checks: Check[] = [
  tool(
    'types in web (svelte-check)',
    'svelte-check',
    '--workspace',
    'web',
    '--tsconfig',
    './tsconfig.json',
    '--fail-on-warnings',
    '--output',
    'human',
  ),
  tool('lint (oxlint)', 'oxlint', '--report-unused-disable-directives'),
  tool('types in server (tsc)', 'tsc', '-p', 'server/tsconfig.json'),
  tool('types in tests (tsc)', 'tsc', '-p', 'tests/tsconfig.json'),
  tool('types in the worker (tsc)', 'tsc', '-p', 'web/tsconfig.worker.json'),
  tool('types in the contract (tsc)', 'tsc', '-p', 'server/contract/tsconfig.json'),
  tool('dead code (knip)', 'knip', '--no-progress'),
  tool('format (oxfmt)', 'oxfmt', '--check'),
  { name: 'exact versions, no address in bun.lock', run: dependencies },
]

/** A command of a development dependency. It runs under this very Bun: neither Node nor a `bun` on the PATH is needed. */
function tool(name: string, command: string, ...parameters: string[]): Check {
  return {
    name,
    async run() {
      const child = Bun.spawn([process.execPath, join('node_modules/.bin', command), ...parameters], {
        cwd: ROOT,
        env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1' },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [output, errors, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
      return { ok: code === 0, output: `${output}\n${errors}`.trim() }
    },
  }
}

async function dependencies(): Promise<Result> {
  const faults: string[] = []
  const versions: [string, string][] = [...Object.entries(packageJson.dependencies), ...Object.entries(packageJson.devDependencies)]
  for (const [name, version] of versions) {
    if (!/^(npm:[@\w/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      faults.push(`package.json: "${name}" is "${version}", not one exact version.`)
    // The parts of oRPC check each other's protocol only by their version: a mixture fails on the wire.
    if (name.startsWith('@orpc/') && version !== packageJson.dependencies['@orpc/server']) {
      faults.push(`package.json: "${name}" is ${version}, but every @orpc package has to be ${packageJson.dependencies['@orpc/server']}.`)
    }
  }
  const lock = await Bun.file(join(ROOT, 'bun.lock')).text()
  for (const [index, line] of lock.split('\n').entries()) {
    if (/https?:\/\//.test(line)) faults.push(`bun.lock:${index + 1} holds an address: ${line.trim().slice(0, 200)}`)
    const orpc = /"(@orpc\/[\w-]+)@(\d[^"]*)"/.exec(line)
    if (orpc && orpc[2] !== packageJson.dependencies['@orpc/server'])
      faults.push(`bun.lock:${index + 1} resolves ${orpc[1]} to ${orpc[2]}.`)
  }
  return { ok: faults.length === 0, output: faults.join('\n') }
}

const startedAt = performance.now()
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`
const failed: string[] = []
const waiting = checks.values()

async function lane(): Promise<void> {
  for (const { name, run } of waiting) {
    const since = performance.now()
    const { ok, output } = await run()
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds(since)})`)
    if (ok) continue
    failed.push(name)
    console.log(`${output}\n`)
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, lane))
console.log(failed.length === 0 ? `All checks passed in ${seconds(startedAt)}` : `Failed: ${failed.join(', ')} (${seconds(startedAt)})`)
process.exit(failed.length === 0 ? 0 : 1)
