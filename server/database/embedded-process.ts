import { setTimeout as delay } from 'node:timers/promises'
import { type Log, reason } from '../log.ts'

const CHILD = new URL('./embedded-child.ts', import.meta.url).pathname
const READY_MS = 60_000
/** With the time that open queries get before it, less than a service manager waits. */
const STOP_MS = 4000
const RETRY_MS = { first: 100, most: 5000 }
const ERROR_CHARACTERS = 2000

export interface Places {
  readonly directory: string
  readonly socket: string
  readonly lockFile: string
  /** Where the child runs. Not the server's directory: the server's .env is none of its business. */
  readonly home: string
}

export interface EmbeddedProcess {
  /** Of the process that runs now. */
  pid(): number
  /** Ends it in order, and if that takes too long by force; resolves when it is gone. */
  stop(): Promise<void>
}

/** Starts the database process and starts it again whenever it ends by itself, until stopped. Throws when the first start fails. */
export async function startEmbedded(places: Places, log: Log): Promise<EmbeddedProcess> {
  const stopped = new AbortController()
  let child = spawn(places)
  try {
    await child.ready
  } catch (error) {
    await child.stop()
    throw error
  }

  async function keep(): Promise<void> {
    for (let waitMs = 0; ; waitMs = Math.min(RETRY_MS.most, Math.max(RETRY_MS.first, waitMs * 2))) {
      await child.ended
      if (stopped.signal.aborted) return
      log.error('database.process-ended', { pid: child.pid, reason: child.lastWords().slice(0, 300) })
      if (waitMs > 0) await delay(waitMs, undefined, { signal: stopped.signal }).catch(() => {})
      if (stopped.signal.aborted) return
      try {
        // Without memory or descriptors even this throws, and is tried again.
        child = spawn(places)
        await child.ready
        log.info('database.process-restarted', { pid: child.pid })
        waitMs = 0
      } catch (error) {
        log.error('database.process-start-failed', { reason: reason(error) })
        await child.stop()
      }
    }
  }

  const kept = keep()
  return {
    pid: () => child.pid,
    async stop() {
      stopped.abort()
      await child.stop()
      await kept
    },
  }
}

function spawn({ directory, socket, lockFile, home }: Places) {
  const child = Bun.spawn([process.execPath, CHILD, directory, socket, lockFile], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let lastWords = ''
  const listening = listen()
  async function listen(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const bytes of child.stderr) lastWords = (lastWords + decoder.decode(bytes, { stream: true })).slice(-ERROR_CHARACTERS)
  }
  const ended = Promise.all([child.exited, listening]).then(() => {})

  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error(`not ready after ${READY_MS / 1000} s`)), READY_MS)
  void ended.then(() => reject(new Error(lastWords.trim() || `ended with ${child.signalCode ?? child.exitCode}`)))
  void readLines()
  async function readLines(): Promise<void> {
    let line = ''
    const decoder = new TextDecoder()
    // Read to its end: a full pipe would stop the child.
    for await (const bytes of child.stdout) {
      line = (line + decoder.decode(bytes, { stream: true })).slice(-ERROR_CHARACTERS)
      if (/^ready$/m.test(line)) resolve()
    }
  }

  return {
    pid: child.pid,
    ready: ready.finally(() => clearTimeout(timer)),
    ended,
    lastWords: () => lastWords.trim(),
    async stop(): Promise<void> {
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await child.stdin.end()
      await ended
      clearTimeout(force)
    },
  }
}
