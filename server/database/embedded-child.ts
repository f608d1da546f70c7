import { chmodSync, existsSync, rmSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { DurableFiles, ENGINE_START, prepareCluster } from './embedded-files.ts'
import { takeLock } from './lock.ts'

/*
 * The embedded database: PostgreSQL as WebAssembly behind a Unix socket, in a process of its own because a query blocks the process it runs in.
 * Prints `ready` when it can be connected to. Ends, in order, when its standard input does: that is how its server stops it, and
 * also what is left of a server that was killed.
 */

const GC_MS = 1000
/** A predecessor whose server was killed may still be closing its files. */
const PREDECESSOR_MS = 15_000
/** One is the server's; a reconnect may be here before the end of the connection that it replaces is. */
const CONNECTIONS = 4
/** Of a connection's first message, from its fifth byte on: version 3.0 of the protocol. */
const PROTOCOL_VERSION = 196_608
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4)
const DISCARD_ALL = simpleQuery('discard all')
/** In an error of the protocol: the severity after which PostgreSQL ends itself. No value that is read can hold its zeros. */
const PANIC = '\0VPANIC\0'

async function serve(directory: string, socket: string, lockFile: string): Promise<void> {
  // Ctrl-C and a service manager's stop reach every process of the group; the server still has to save what it is doing.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

  // Two processes on one directory overwrite each other's rows without any error.
  const lock = takeLock(lockFile, PREDECESSOR_MS)
  if (lock === null) throw new Error('the previous database process is still running')
  if (!existsSync(directory)) await prepareCluster(directory)
  rmSync(socket, { force: true })

  const database = await PGlite.create({ fs: new DurableFiles(directory), startParams: ENGINE_START })
  const work = watchWork(database)
  const server = new PGLiteSocketServer({ db: database, path: socket, maxConnections: CONNECTIONS })
  await server.start()
  chmodSync(socket, 0o600)
  process.stdout.write('ready\n')

  for await (const _ of Bun.stdin.stream()) {
    // Nothing is ever written to it; only its end says something.
  }
  clearInterval(work)
  await server.stop()
  await database.close()
  rmSync(socket, { force: true })
  lock.release()
}

/** Watches every message to the engine; returns the timer that collects garbage after work. */
function watchWork(database: PGlite): Timer {
  let worked = true
  const execute = database.execProtocolRawStream.bind(database)
  database.execProtocolRawStream = async (message, options) => {
    worked = true
    try {
      // All connections share the engine's one session: a new one would find the prepared statements of the one that it replaces.
      if (isStartup(message)) for (const reset of [SYNC, DISCARD_ALL]) await database.execProtocolRaw(reset)
      await execute(message, { ...options, onRawData: (answer) => (endAfterPanic(answer), options?.onRawData?.(answer)) })
    } catch (error) {
      // SQL errors are answers. This is the engine itself, and the socket server would wait for ever for its next turn.
      fail(error)
    }
  }
  // Left to itself JavaScriptCore lets the process grow to three times the size before it collects.
  return setInterval(() => {
    if (worked) Bun.gc(false)
    worked = false
  }, GC_MS)
}

// A full disk, for one. The engine says so and never anything again; the next process recovers what was committed, as soon as there is room.
function endAfterPanic(answer: Uint8Array): void {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength)
  if (bytes.includes(PANIC)) fail(new Error(/\0M([^\0]*)/.exec(bytes.toString())?.[1] ?? 'the engine panicked'))
}

function isStartup(message: Uint8Array): boolean {
  return message.length >= 8 && message[0] === 0 && new DataView(message.buffer, message.byteOffset).getInt32(4) === PROTOCOL_VERSION
}

function simpleQuery(text: string): Uint8Array {
  const body = Buffer.from(`${text}\0`)
  const message = Buffer.alloc(body.length + 5)
  message.write('Q')
  message.writeInt32BE(body.length + 4, 1)
  body.copy(message, 5)
  return message
}

function fail(error: unknown): never {
  process.stderr.write(error instanceof Error ? `${error.message}\n` : `${String(error)}\n`)
  process.exit(1)
}

if (import.meta.main) {
  const [directory, socket, lockFile] = process.argv.slice(2)
  if (directory === undefined || socket === undefined || lockFile === undefined) fail('usage: embedded-child.ts DIRECTORY SOCKET LOCK')
  await serve(directory, socket, lockFile).catch(fail)
  process.exit(0)
}
