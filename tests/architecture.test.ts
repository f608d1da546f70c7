import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { readConfig } from '../server/config.ts'

/* What the house rules say and no linter can see. Import directions are in .oxlintrc.json. */

const ROOT = join(import.meta.dirname, '..')
const LINES = 200
const TOP =
  /^(package\.json|bun\.lock|bunfig\.toml|vite\.config\.ts|drizzle\.config\.ts|server|web|migrations|tests|README\.md|LICENSE|\..+)$/
const UNTRACKED = /^(node_modules|dist|data|.*\.log)$/

const files = [...new Bun.Glob('{server,web,tests}/**/*').scanSync({ cwd: ROOT, dot: false })].sort()
const sources = files.filter((file) => /^(server|web)\/.*\.(ts|svelte)$/.test(file))
const text = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const folderOf = (file: string) => file.slice(0, file.indexOf('/'))
const nameOf = (file: string) => file.slice(file.lastIndexOf('/') + 1)

test('there are sources to look at', () => {
  expect(sources.length).toBeGreaterThan(50)
  expect(sources).toContain('server/index.ts')
  expect(sources).toContain('web/islands/messages.svelte')
})

test('the top level holds what it always held', () => {
  const strangers = readdirSync(ROOT).filter((name) => !TOP.test(name) && !UNTRACKED.test(name))
  expect(strangers).toEqual([])
})

test(`a source fits two screens: no more than ${LINES} lines`, () => {
  const long = sources.map((file) => ({ file, lines: text(file).split('\n').length - 1 })).filter(({ lines }) => lines > LINES)
  expect(long).toEqual([])
})

test('files and folders are kebab-case words, and none is a drawer', () => {
  const odd = files.filter((file) =>
    file.split('/').some((part) => part !== 'README.md' && !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/.test(part)),
  )
  expect(odd).toEqual([])
  const drawers = files.filter((file) => /(^|\/)(utils?|helpers?|common|shared|misc|types|services?|src|lib\/index)(\.ts$|\/)/.test(file))
  expect(drawers).toEqual([])
})

test('there is one place where text becomes HTML', () => {
  const sinks = /\{@html|\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|setHTMLUnsafe|srcdoc)\b|document\.write/
  expect(sources.filter((file) => file.startsWith('web/') && sinks.test(text(file)))).toEqual(['web/lib/html.ts'])
  const trusting = sources.filter(
    (file) => file.startsWith('web/') && /\bcreatePolicy\b|lib\/trusted\.ts'|\.\/trusted\.ts'/.test(text(file)),
  )
  expect(trusting).toEqual(['web/lib/html.ts', 'web/lib/search-worker-url.ts', 'web/lib/trusted.ts', 'web/lib/worker-url.ts'])
})

test('no script is made from text', () => {
  const made = /\beval\(|new Function\(|setTimeout\(\s*['"`]/
  expect(sources.filter((file) => made.test(text(file)))).toEqual([])
})

test('every island is printed by a page, and every printed island exists', () => {
  const printed = new Set(
    sources
      .filter((file) => file.startsWith('server/pages/'))
      .flatMap((file) => [...text(file).matchAll(/data-island="([\w-]+)"/g)].map(([, name]) => name ?? '')),
  )
  const islands = readdirSync(join(ROOT, 'web/islands')).map((file) => file.replace(/\.svelte$/, ''))
  expect(islands.sort()).toEqual([...printed].sort())
})

test('only the doors open a connection to a database', () => {
  const opens = /new SQL\(|\bBun\.(sql|SQL|redis|RedisClient)\b|new RedisClient\(/
  const doors = ['server/database/embedded.ts', 'server/database/postgres.ts']
  expect(sources.filter((file) => opens.test(text(file)) && !doors.includes(file))).toEqual([])
})

test('what only passkeys need is loaded when the first of them is used', () => {
  const loads = sources.filter((file) => text(file).includes("'@simplewebauthn/"))
  expect(loads).toEqual(['server/access/webauthn.ts'])
  expect(text('server/access/webauthn.ts')).not.toMatch(/^import (?!type\b).*'@simplewebauthn\//m)
})

test('the folder’s README names every file', () => {
  const unnamed = sources.filter((file) => !text(`${folderOf(file)}/README.md`).includes(nameOf(file)))
  expect(unnamed).toEqual([])
})

test('no test is left out or alone', () => {
  const marked = files.filter((file) => file.endsWith('.test.ts') && /^\s*(test|describe|it)\.(only|skip|todo)\b/m.test(text(file)))
  expect(marked).toEqual([])
})

const PASSED_ON = ['PATH', 'HOME', 'TMPDIR']
const ALIASES = ['PRIVATE_GEMINI_API_KEY', 'PRIVATE_NEON_DATABASE_URL']

/** Every variable that readConfig looks at, and whatever else the server takes from the environment. */
function settings(): string[] {
  const names = new Set<string>()
  readConfig(
    new Proxy<Record<string, string>>(
      {},
      {
        get(_, name) {
          names.add(String(name))
          return undefined
        },
      },
    ),
  )
  for (const file of sources) for (const [, name] of text(file).matchAll(/process\.env\.([A-Z_]+)/g)) if (name) names.add(name)
  return [...names].filter((name) => !PASSED_ON.includes(name)).sort()
}

test('README and .env.example name every setting', () => {
  const names = settings()
  expect(names).toContain('DATABASE_URL')
  expect(names).toContain('TLS_KEY')
  const readme = text('README.md')
  expect(names.filter((name) => !readme.includes(`\`${name}\``))).toEqual([])
  const example = [...text('.env.example').matchAll(/^# ([A-Z_]+)=/gm)].map(([, name]) => name ?? '')
  expect(example.sort()).toEqual(names.filter((name) => !ALIASES.includes(name)))
})

test('every command that a README gives exists, with the one version of Bun', () => {
  const known = Object.keys(packageJson.scripts)
  for (const file of ['README.md', 'server/README.md', 'web/README.md', 'tests/README.md']) {
    const commands = [...text(file).matchAll(/\bbun(?:@[\d.]+)? (?:run (?:--silent )?([\w:-]+)|(start)\b)/g)].map(
      ([, script, start]) => script ?? start ?? '',
    )
    expect(
      commands.filter((command) => !known.includes(command)),
      file,
    ).toEqual([])
  }
  const versions = ['README.md', '.ci/run'].flatMap((file) => [...text(file).matchAll(/\bbun@([\d.]+\d)/g)].map(([, version]) => version))
  expect([...new Set(versions)]).toEqual([packageJson.devDependencies['@types/bun']])
})
