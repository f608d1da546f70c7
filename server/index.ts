import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { openAdminSocket } from './access/admin.ts'
import { makeClaimLink } from './access/enter.ts'
import { createEntrance } from './access/entrance.ts'
import { createPasskeys } from './access/passkeys.ts'
import { createSessions } from './access/sessions.ts'
import { createApp } from './app.ts'
import { type Config, readConfig, StartError } from './config.ts'
import { type Db, openDatabase } from './database/open.ts'
import { findOwner } from './database/people.ts'
import { forgetExpired, touchSessions } from './database/sessions.ts'
import { address, isLoopback, listen } from './listen.ts'
import { createLog, type Log, reason } from './log.ts'
import { loadAssets } from './pages/assets.ts'
import { readShared, sharePages } from './pages/shares.ts'
import { createRouter } from './procedures/index.ts'
import { Budgets } from './replies/budgets.ts'
import { createDemo } from './replies/demo.ts'
import { createGemini } from './replies/gemini.ts'
import { openJournals } from './replies/journal.ts'
import { ReplyQueue } from './replies/queue.ts'
import { lookAgain, recover } from './replies/recover.ts'
import { createLocalBus } from './rooms/bus.ts'
import { createChanges } from './rooms/changes.ts'
import { Presence } from './rooms/presence.ts'
import { createSocketHandlers } from './rooms/socket.ts'
import { Readers } from './rooms/readers.ts'
import { Sockets } from './rooms/sockets.ts'

const { version } = packageJson
const CLIENT = join(import.meta.dirname, '../dist/client')
const REPLY_GRACE_MS = 2_000
const CALL_GRACE_MS = 1_000
const STOP_MS = 9_000
const EXPIRY_MS = 60 * 60 * 1000

const say = (line: string) => process.stdout.write(line + '\n')

/** Starts everything in order. `onStop` is given the way to end it in reverse order before anybody is told that it is ready. */
async function start(config: Config, log: Log, onStop: (stop: () => Promise<void>) => void): Promise<void> {
  const assets = loadClient()
  const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir, log, progress: say })
  const stops: (() => Promise<unknown> | void)[] = [() => database.close()]
  const stop = async () => {
    for (const next of stops.splice(0).reverse()) await next()
  }
  try {
    const { db } = database
    const bus = createLocalBus()
    const sessions = createSessions(db)
    const passkeys = createPasskeys({ db, log })
    const sockets = new Sockets(sessions.askAgain)
    const presence = new Presence({ db, bus, log })
    const readers = new Readers((id) => readShared(db, replies, id))
    const changes = createChanges({ bus, sockets, presence, readers, look: (id) => lookAgain(db, replies, id) })
    const { name, apiKey, baseUrl } = config.model
    const model = apiKey === null ? createDemo() : createGemini({ apiKey, model: name, baseUrl })
    const budgets = await Budgets.open(db)
    const parts = { db, bus, changes, model, log, budgets, journals: openJournals(join(config.dataDir, 'journal')) }
    const replies = new ReplyQueue(parts, config.repliesAtOnce)
    const startedAt = Date.now()
    const socket = createSocketHandlers({
      router: createRouter({
        db,
        bus,
        database: database.kind,
        changes,
        passkeys,
        presence,
        readers,
        replies,
        budgets,
        sockets,
        model,
        version,
        startedAt,
      }),
      sockets,
      presence,
      readers,
      onError: (error) => log.error('call.failed', { reason: reason(error) }),
    })
    const trust = { tls: config.tls !== null, trustProxy: config.trustProxy, port: config.port }
    const entrance = createEntrance({
      db,
      passkeys,
      sessions,
      members: changes.members,
      trust: () => trust,
      ended: (session) => sockets.closeSession(session.id),
    })
    const shares = sharePages({ speaker: model.speaker, database, assets, changes, replies, readers, sessions, trust: () => trust })
    const app = createApp({ database, sessions, sockets, entrance, shares, model, assets, version, log, trust: () => trust })

    await forgetExpired(db)
    const waiting = await recover(parts)
    stops.push(() => replies.close(REPLY_GRACE_MS))
    stops.push(presence.open())

    const server = listen(config, app, socket.handlers)
    trust.port = server.port ?? config.port
    bus.attach(server)
    // Only now: a start that fails must not have asked the model anything.
    for (const reply of waiting) replies.add(reply)
    stops.push(async () => {
      const stopped = server.stop(false)
      const until = performance.now() + CALL_GRACE_MS
      while (socket.inFlight() > 0 && performance.now() < until) await Bun.sleep(10)
      sockets.closeAll()
      readers.closeAll()
      await Promise.race([stopped, Bun.sleep(CALL_GRACE_MS)])
      await server.stop(true)
    })

    const url = config.publicUrl ?? address(config, trust.port)
    stops.push(openAdminSocket(config.dataDir, async () => url + (await makeClaimLink(db))))
    stops.push(endExpiredSessions(db, sockets, log))

    onStop(stop)
    say(`Confab is ready at ${url}`)
    if (!(await findOwner(db))) say(`Open this link to become its owner (valid for one hour, once): ${url}${await makeClaimLink(db)}`)
    if (model.demo) say('Replies come from the built-in demo model. For Gemini, set GEMINI_API_KEY (see README.md) and start again.')
    if (!config.tls && !config.publicUrl?.startsWith('https:') && !isLoopback(config.host)) {
      say(
        'Warning: this server can be reached from the network without TLS, so cookies and messages travel in clear text. See "Deploy" in README.md.',
      )
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** An open socket outlives its cookie, so sessions that have expired are looked for now and then, and those in use are seen. Returns its stop. */
function endExpiredSessions(db: Db, sockets: Sockets, log: Log): () => void {
  const look = async () => {
    for (const id of await forgetExpired(db)) sockets.closeSession(id)
    await touchSessions(db, [...sockets.sessions()])
  }
  const timer = setInterval(() => void look().catch((error) => log.warn('expiry.failed', { reason: reason(error) })), EXPIRY_MS)
  return () => clearInterval(timer)
}

function loadClient() {
  try {
    return loadAssets(CLIENT)
  } catch {
    throw new StartError('The client has not been built. Run "bun run build", or start with "bun start", which builds it.')
  }
}

let log = createLog('info')
let stop: (() => Promise<void>) | null = null
let stopping = false

/** The way out, from the first moment on: whoever reads the ready line may stop the server at once. */
function end(): void {
  if (stopping) return
  stopping = true
  if (stop === null) process.exit(0)
  // Whatever hangs must not keep the process: what it had to say is in the journals.
  setTimeout(() => process.exit(0), STOP_MS).unref()
  void stop()
    .catch((error) => log.error('stop.failed', { reason: reason(error) }))
    .finally(() => process.exit(0))
}

process.on('SIGTERM', end)
process.on('SIGINT', end)
process.on('unhandledRejection', (error) => log.error('process.unhandled', { reason: reason(error) }))
try {
  const config = readConfig(process.env)
  log = createLog(config.logLevel)
  await start(config, log, (started) => (stop = started))
} catch (error) {
  if (!(error instanceof StartError)) log.error('start.failed', { reason: reason(error) })
  process.stderr.write((error instanceof StartError ? error.message : `Confab could not start: ${reason(error)}`) + '\n')
  process.exit(1)
}
