import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, within } from './eventually.ts'
import { prepareDatabase } from './prepared-database.ts'

const ROOT = join(import.meta.dirname, '../..')
const START_MS = 60_000
const STOP_MS = 12_000
const CLAIM_MS = 5_000
const KEPT_LINES = 400

export type ServerOptions = {
  /** Added to an otherwise empty environment: nothing of the developer's own settings or keys reaches the server. */
  readonly env?: Record<string, string>
  /** Default: a new folder, removed at the end. */
  readonly dataDir?: string
  /** Default: a free one. A restarted server keeps its port. */
  readonly port?: number
  /** Default: this repository. Another one is a copy with a client of its own. */
  readonly root?: string
  /** Leaves the data directory behind after stop(). */
  readonly keepData?: boolean
  /** The embedded database is made by the server's first start, which takes seconds, and not brought along. */
  readonly firstStart?: boolean
}

export type TestServer = {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly dataDir: string
  /** The last lines of standard output and standard error together. */
  logs(): string
  /** The link that the newest start printed; waits for it, and throws when the server has an owner already. */
  claimLink(): Promise<string>
  /** SIGTERM; resolves with the exit code. A server that has not ended after 12 s is killed, and that is an error. */
  stop(): Promise<number>
  /** SIGKILL; the data stay for restart(). */
  kill(): Promise<void>
  signal(name: NodeJS.Signals): void
  /** A new process on the same data and port; the old one is killed when it still runs. With `root`, of another copy of the product. */
  restart(env?: Record<string, string>, root?: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The real server as a child process. Throws with the server's own last lines when it does not get ready. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'confab-test-'))
  const remove = () => {
    if (!options.keepData && !options.dataDir) rmSync(dataDir, { recursive: true, force: true })
  }
  let env = options.env ?? {}
  if (!options.firstStart && env.DATABASE_URL === undefined) await prepareDatabase(dataDir)
  let run = launch({ ...env, DATA_DIR: dataDir, PORT: String(options.port ?? 0) }, options.root)
  let url = await ready(run).catch((error) => {
    remove()
    throw error
  })
  const port = Number(new URL(url).port)

  const server: TestServer = {
    get url() {
      return url
    },
    port,
    get pid() {
      return run.child.pid
    },
    dataDir,
    logs: () => run.lines.join('\n'),
    claimLink: () => within(run.claim, CLAIM_MS, 'The claim link'),
    async stop() {
      run.child.kill('SIGCONT')
      run.child.kill('SIGTERM')
      const code = await within(run.child.exited, STOP_MS, 'The end of the server after SIGTERM').catch(async (error) => {
        await server.kill()
        remove()
        throw new Error(`${messageOf(error)}\n${server.logs()}`, { cause: error })
      })
      remove()
      return code
    },
    async kill() {
      run.child.kill('SIGKILL')
      await run.child.exited
    },
    signal: (name) => run.child.kill(name),
    async restart(changed, root = options.root) {
      await server.kill()
      env = { ...env, ...changed }
      run = launch({ ...env, DATA_DIR: dataDir, PORT: String(port) }, root)
      url = await ready(run)
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
    },
  }
  return server
}

/** Starts a server that is expected to refuse; resolves with its exit code and what it said. Throws when it got ready. */
export async function refusedStart(options: ServerOptions = {}): Promise<{ code: number; said: string }> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'confab-test-'))
  if (options.env?.DATABASE_URL === undefined && !options.dataDir) await prepareDatabase(dataDir)
  const run = launch({ DATA_DIR: dataDir, PORT: String(options.port ?? 0), ...options.env })
  try {
    const url = await Promise.race([run.ready, run.child.exited.then(() => null)])
    if (url !== null) throw new Error(`The server was expected to refuse to start, but is ready at ${url}`)
    await run.drained
    return { code: await run.child.exited, said: run.lines.join('\n') }
  } finally {
    run.child.kill('SIGKILL')
    await run.child.exited
    if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true })
  }
}

type Run = {
  readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  readonly lines: string[]
  readonly ready: Promise<string>
  readonly claim: Promise<string>
  readonly drained: Promise<unknown>
}

const running = new Set<Bun.Subprocess>()
// A test that throws before its stop() must not leave a server behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function launch(env: Record<string, string>, root = ROOT): Run {
  const child = Bun.spawn([process.execPath, '--no-env-file', 'server/index.ts'], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', TMPDIR: tmpdir(), HOST: '127.0.0.1', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  running.add(child)
  void child.exited.then(() => running.delete(child))
  const lines: string[] = []
  const ready = Promise.withResolvers<string>()
  const claim = Promise.withResolvers<string>()
  const hear = (line: string) => {
    lines.push(line)
    if (lines.length > KEPT_LINES) lines.shift()
    const address = /^Confab is ready at (\S+)/.exec(line)?.[1]
    if (address) ready.resolve(address)
    const link = /https?:\/\/\S+\/enter#\S+/.exec(line)?.[0]
    if (link) claim.resolve(link)
  }
  const drained = Promise.all([readLines(child.stdout, hear), readLines(child.stderr, hear)])
  return { child, lines, ready: ready.promise, claim: claim.promise, drained }
}

async function ready(run: Run): Promise<string> {
  const ended = run.child.exited.then(async (code) => {
    await run.drained
    throw new Error(`The server ended with code ${code} before it was ready`)
  })
  try {
    return await within(Promise.race([run.ready, ended]), START_MS, 'The ready line of the server')
  } catch (error) {
    run.child.kill('SIGKILL')
    throw new Error(`${messageOf(error)}\n${run.lines.join('\n')}`, { cause: error })
  } finally {
    // The other side of the race must not become an unhandled rejection when the server ends later.
    ended.catch(() => {})
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, hear: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) hear(line)
  }
  if (rest) hear(rest)
}
