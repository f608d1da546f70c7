import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const ROOT = join(import.meta.dir, '..')
const DIST = join(ROOT, 'dist')
const CLIENT = join(DIST, 'client')
const STAMP = '.stamp'
const BUILD = '.build'
/** Printed by the server, but kept by the client for the time without one. */
const DOCUMENTS = 'server/pages/documents.ts'
const SOURCES = ['web/**/*', 'server/contract/**/*', DOCUMENTS, 'vite.config.ts', 'package.json', 'bun.lock']
const LATER = /\/assets\/(diagram|maths)-/
/** Beyond this the last percent of brotli takes seconds of a first start. */
const LARGE_BYTES = 1_000_000
const COMPRESSIBLE = /\.(css|js|json|svg|txt|webmanifest)$/

/** Builds dist/client when what it is made of has changed since the last build; otherwise does nothing. */
export async function buildClient(): Promise<'built' | 'unchanged'> {
  const hash = sourceHash()
  if (stampOf(CLIENT) === hash) return 'unchanged'
  removeLeftovers()
  // Built apart and put in place by a rename: a build that is killed leaves the old client or none, never half of one.
  const fresh = join(DIST, `client-${process.pid}`)
  // Only here: importing Vite takes longer than everything else that a start does.
  const { build } = await import('vite')
  await build({ root: join(ROOT, 'web'), configFile: join(ROOT, 'vite.config.ts'), build: { outDir: fresh } })
  await buildDiagram(fresh)
  await buildLook(fresh)
  await buildWorker(fresh)
  await compress(fresh)
  writeFileSync(join(fresh, STAMP), hash)
  rmSync(CLIENT, { recursive: true, force: true })
  renameSync(fresh, CLIENT)
  return 'built'
}

// One script of the old kind: the frame has no origin, and those alone may be loaded without one; and the library wants to be one, too.
async function buildDiagram(directory: string): Promise<void> {
  const { outputs } = await Bun.build({ entrypoints: [join(ROOT, 'web/diagram.ts')], format: 'iife', minify: true })
  const library = readFileSync(fileURLToPath(import.meta.resolve('@mermaid-js/tiny')), 'utf8')
  for (const output of outputs) {
    const text = `${library}\n;${await output.text()}`
    writeFileSync(join(directory, `assets/diagram-${Bun.hash(text).toString(36)}.js`), text)
  }
}

// Of the old kind as well: a module would wait until the page has been read, and be late for the first paint.
async function buildLook(directory: string): Promise<void> {
  const { outputs } = await Bun.build({ entrypoints: [join(ROOT, 'web/look.ts')], format: 'iife', minify: true })
  for (const output of outputs) {
    const text = await output.text()
    writeFileSync(join(directory, `assets/look-${Bun.hash(text).toString(36)}.js`), text)
  }
}

/**
 * The service worker with the list of what it keeps. It has no hash in its name, for that is how a browser finds a newer one; the name of
 * the build, a hash of everything that is kept, makes sure that it differs. The server reads that name beside it.
 */
async function buildWorker(directory: string): Promise<void> {
  const paths = files(directory)
  const hasher = new Bun.CryptoHasher('sha256')
  for (const path of [...paths, join(ROOT, DOCUMENTS)]) hasher.update(path.slice(path.lastIndexOf(sep))).update(readFileSync(path))
  const build = hasher.digest('hex').slice(0, 16)
  // What most rooms never need is fetched by those that do.
  const urls = paths.filter((path) => !LATER.test(path)).map((path) => '/' + relative(directory, path).split(sep).join('/'))
  const { outputs } = await Bun.build({
    entrypoints: [join(ROOT, 'web/worker.ts')],
    format: 'iife',
    minify: true,
    define: { BUILD: JSON.stringify(build), FILES: JSON.stringify(urls) },
  })
  for (const output of outputs) writeFileSync(join(directory, 'worker.js'), await output.text())
  writeFileSync(join(directory, BUILD), build)
}

/** What a page may load. */
function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !entry.parentPath.includes(`${sep}.`))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function sourceHash(): string {
  const hasher = new Bun.CryptoHasher('sha256')
  const paths = SOURCES.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT, dot: true })]).sort()
  for (const path of paths)
    hasher
      .update(path)
      .update('\0')
      .update(readFileSync(join(ROOT, path)))
      .update('\0')
  return hasher.digest('hex')
}

function stampOf(directory: string): string | null {
  const path = join(directory, STAMP)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

function removeLeftovers(): void {
  if (!existsSync(DIST)) return
  for (const name of readdirSync(DIST)) {
    const [, pid] = /^client-(\d+)$/.exec(name) ?? []
    if (pid && !isRunning(Number(pid))) rmSync(join(DIST, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Puts a brotli and a gzip form beside every file that gets smaller by it. */
async function compress(directory: string): Promise<void> {
  const paths = files(directory).filter((path) => COMPRESSIBLE.test(path))
  await Promise.all(
    paths.map(async (path) => {
      const plain = await readFile(path)
      const quality = plain.length > LARGE_BYTES ? 8 : 11
      const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length }
      const forms = [
        { suffix: '.br', bytes: await promisify(brotliCompress)(plain, { params }) },
        { suffix: '.gz', bytes: await promisify(gzip)(plain, { level: 9 }) },
      ]
      for (const { suffix, bytes } of forms) if (bytes.length < plain.length) await writeFile(path + suffix, bytes)
    }),
  )
}

if (import.meta.main) {
  const startedAt = performance.now()
  if (stampOf(CLIENT) !== sourceHash()) process.stdout.write('Building the client… ')
  try {
    if ((await buildClient()) === 'built') console.log(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  } catch (error) {
    console.error(`\nThe client could not be built: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(1)
  }
}
