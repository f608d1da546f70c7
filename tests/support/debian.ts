import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/* What tests need beside npm's packages, from Debian. */

export function isDebian(): boolean {
  return (
    existsSync('/etc/os-release') && /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8')) && Bun.which('apt-get') !== null
  )
}

/** Installs packages for good. Needs root. */
export async function install(...packages: string[]): Promise<void> {
  await run(['apt-get', '-qq', 'update'])
  await run(['apt-get', '-qq', 'install', '-y', '--no-install-recommends', ...packages])
}

export type Program = { readonly path: string; readonly env: Record<string, string> }

/**
 * A program of this machine, or else out of Debian's package, unpacked into a folder below the temporary directory: nothing is installed or started,
 * and no root is needed. `libraries` are packages that it links to. Throws a sentence that says what to do.
 */
export async function findProgram(name: string, libraries: readonly string[] = []): Promise<Program> {
  const found = Bun.which(name, { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` })
  if (found) return { path: found, env: {} }
  if (!isDebian()) throw new Error(`This test needs ${name}. Install it, so that it is on the PATH.`)
  const folder = join(tmpdir(), `confab-debian-${process.getuid?.() ?? 0}-${name}`)
  if (!existsSync(folder)) await unpack(folder, [name, ...libraries])
  const path = ['usr/bin', 'usr/sbin'].map((bin) => join(folder, bin, name)).find((candidate) => existsSync(candidate))
  if (!path) throw new Error(`Debian's package ${name} has no program of that name in it.`)
  const places = ['usr/lib', 'lib'].flatMap((lib) =>
    readdirSync(join(folder, lib), { withFileTypes: true, recursive: false }).map((entry) => join(folder, lib, entry.name)),
  )
  return { path, env: { LD_LIBRARY_PATH: places.join(':') } }
}

async function unpack(folder: string, packages: readonly string[]): Promise<void> {
  const making = `${folder}.${process.pid}`
  mkdirSync(join(making, 'usr/lib'), { recursive: true })
  mkdirSync(join(making, 'lib'), { recursive: true })
  const download = () => run(['apt-get', '-qq', 'download', ...packages], making)
  // The lists of packages may never have been fetched on this machine.
  await download().catch(async () => {
    await run(['apt-get', '-qq', 'update'])
    await download()
  })
  for (const file of readdirSync(making)) {
    if (!file.endsWith('.deb')) continue
    await run(['dpkg', '-x', file, '.'], making)
    rmSync(join(making, file))
  }
  // Another test may have been faster.
  if (existsSync(folder)) rmSync(making, { recursive: true })
  else renameSync(making, folder)
}

async function run(command: string[], cwd?: string): Promise<void> {
  const child = Bun.spawn(command, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [output, errors, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} failed with code ${code}:\n${(output + errors).slice(-2_000)}`)
}
