import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { newId } from '#contract'
import { startEngine } from '../../server/database/embedded.ts'
import { timesAsked } from '../support/asked.ts'
import { launch, signedInContext } from '../support/browser.ts'
import { connect } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { random } from '../support/emulator-text.ts'
import { eventually, messageOf } from '../support/eventually.ts'
import { type Entered, enter, introduce } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { openProxiedTab, sendCookies } from '../support/proxied-tab.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createLocks } from '../support/tab.ts'
import { transcriptDifference, transcriptHash, transcriptInDatabase, transcriptOf, type TranscriptRow } from '../support/transcript.ts'
import { PageWitness, TabWitness, WireWitness, type Witness } from './kill-clients.ts'
import { KillLog } from './kill-log.ts'
import { silent } from '../support/prepared-database.ts'

/** From the end of the last kill until everybody has the same, the time included in which the waiting replies are written. */
const HEAL_MS = 5_000
/** A kill comes within this time after somebody has begun to write. */
const MOMENT_MS = 260
/** Of so many starts one is killed before it is ready. */
const KILLED_STARTS = 0.12
const MOST_KILLS_OF_ROOM = 5

export type KillOptions = {
  readonly kind: 'embedded' | 'postgres'
  readonly kills: number
  readonly seed: number
  /** A page in Chromium beside the other clients. */
  readonly page?: boolean
}

export type KillFigures = {
  kills: number
  /** Of them those of a server that was not ready yet. */
  killedStarts: number
  prompts: number
  /** Replies that a kill has met in the middle. */
  interrupted: number
  /** From the start of a process to its first answer, in milliseconds. */
  readonly servedMs: number[]
  /** From the last start of a room until all transcripts were the same. */
  readonly convergedMs: number[]
}

/** Everything that a run of kills has about it. */
type Scene = {
  readonly server: TestServer
  readonly emulator: Emulator
  readonly ada: Entered
  readonly witnesses: readonly Witness[]
  /** The database itself, where it can be looked at while the server runs. */
  readonly sql: SQL | null
  readonly guests: readonly string[]
  readonly dice: () => number
}

/**
 * Kills the server with SIGKILL at random moments, while clients of every kind write and listen, and after every few kills holds what everybody has
 * against everything that anybody ever knew. Throws with the seed and all that is wrong.
 */
export async function killAndCheck(options: KillOptions): Promise<KillFigures> {
  await using stack = new AsyncDisposableStack()
  const scene = await setUp(options, stack)
  const figures: KillFigures = { kills: 0, killedStarts: 0, prompts: 0, interrupted: 0, servedMs: [], convergedMs: [] }
  const rooms = new Map<string, string>()
  while (figures.kills < options.kills) {
    const conversationId = newId()
    try {
      rooms.set(conversationId, await surviveRoom(scene, conversationId, options.kills, figures))
    } catch (error) {
      throw new Error(`seed ${options.seed}, after kill ${figures.kills}: ${messageOf(error)}\n${scene.server.logs()}`, { cause: error })
    }
  }
  if (options.kind === 'embedded') await checkEmbedded(scene.server, rooms)
  return figures
}

async function setUp(options: KillOptions, stack: AsyncDisposableStack): Promise<Scene> {
  const dice = random(options.seed)
  const emulator = await startEmulator()
  stack.defer(() => emulator.stop())
  const dataDir = mkdtempSync(join(tmpdir(), 'confab-kill-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const postgres = options.kind === 'postgres' ? await startPostgres() : null
  stack.defer(() => postgres?.stop())
  const sql = postgres ? new SQL(postgres.url, { max: 1 }) : null
  stack.defer(() => sql?.close())
  const env = { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, ...(postgres && { DATABASE_URL: postgres.url }) }
  const server = await startServer({ env, dataDir })
  stack.defer(() => server.kill())
  const ada = await enter(server)
  const bob = postgres ? await introduce(postgres.url, ada, 'Bob') : null

  stack.defer(sendCookies())
  const { locks } = createLocks()
  const open = async (name: string, { person, cookie }: Entered, own = locks) =>
    new TabWitness({ name, device: person.name, tab: await openProxiedTab({ server, person, cookie, locks: own, random: dice }) })
  const witnesses: Witness[] = [
    new WireWitness({ name: 'wire that insists', server, cookie: ada.cookie, insists: true }),
    new WireWitness({ name: 'wire that gives up', server, cookie: (bob ?? ada).cookie, insists: false }),
    await open('first tab', ada),
    await open('second tab', ada),
    ...(bob ? [await open('tab of Bob', bob, createLocks().locks)] : []),
  ]
  if (options.page) {
    const browser = await launch()
    stack.defer(() => browser.close())
    const context = await signedInContext(browser, server)
    witnesses.push(new PageWitness({ page: await context.newPage(), server }))
  }
  for (const witness of witnesses) stack.defer(() => witness.stop())
  return { server, emulator, ada, witnesses, sql, guests: bob ? [bob.person.id] : [], dice }
}

/** A room's life through a few kills; its hash at the end. */
async function surviveRoom(scene: Scene, conversationId: string, mostKills: number, figures: KillFigures): Promise<string> {
  const { server, witnesses, ada, sql, guests, dice } = scene
  const log = new KillLog()
  const host = await connect(server, ada.cookie)
  await host.rpc.conversation.create({ id: conversationId })
  await host.close()
  if (sql)
    for (const id of guests) {
      await sql`insert into member (conversation_id, person_id, role, changed) values (${conversationId}, ${id}, 'participant', pg_current_xact_id())`
    }
  for (const witness of witnesses) await witness.enter(conversationId, log)
  const last = Math.min(mostKills, figures.kills + 1 + Math.floor(dice() * MOST_KILLS_OF_ROOM))
  while (figures.kills < last) {
    const writing = writeSome(witnesses, dice)
    await Bun.sleep(dice() * MOMENT_MS)
    await server.kill()
    figures.kills++
    await writing
    for (const witness of witnesses) await witness.look()
    if (figures.kills < last && dice() < KILLED_STARTS) await killStart(scene, figures)
    const startedAt = performance.now()
    await server.restart()
    const first = await connect(server, ada.cookie)
    await first.rpc.session.me({})
    figures.servedMs.push(performance.now() - startedAt)
    await first.close()
    for (const witness of witnesses) await witness.back()
  }
  const healedAt = performance.now()
  const rows = await converge(scene, conversationId)
  figures.convergedMs.push(performance.now() - healedAt)
  figures.prompts += log.prompts
  figures.interrupted += rows.filter(({ state }) => state === 'interrupted').length
  const faults = log.faults(rows, timesAsked(scene.emulator.requests))
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return transcriptHash(rows)
}

/** One to three of them write, one after the other, so that it is known who wrote first. */
async function writeSome(witnesses: readonly Witness[], dice: () => number): Promise<void> {
  for (let count = 1 + Math.floor(dice() * 3); count > 0; count--) {
    const chunks = 4 + Math.floor(dice() * 40)
    const kind = dice() < 0.5 ? 'emoji' : 'cjk'
    const text = `[[chunks=${chunks} every=${1 + Math.floor(dice() * 5)} units=${chunks * 9} ${kind}]] ${newId()}`
    await witnesses[Math.floor(dice() * witnesses.length)]?.write(text)
    await Bun.sleep(dice() * 40)
  }
}

/** A start that does not live to see its end. */
async function killStart({ server, dice }: Scene, figures: KillFigures): Promise<void> {
  const usualMs = figures.servedMs.at(-1) ?? 300
  const starting = server.restart().then(
    () => 'ready',
    () => 'killed',
  )
  await Bun.sleep(dice() * usualMs)
  await server.kill()
  figures.kills++
  if ((await starting) === 'killed') figures.killedStarts++
}

/** Waits until every client and the database have one transcript, to the last byte, in which every reply has ended. */
async function converge(scene: Scene, conversationId: string): Promise<readonly TranscriptRow[]> {
  const { witnesses, sql } = scene
  return eventually(async () => {
    const wanted = sql ? await transcriptInDatabase(sql, conversationId) : await served(scene, conversationId)
    if (wanted.some(({ state }) => state === 'queued' || state === 'streaming')) throw new Error('a reply has not ended')
    const hash = transcriptHash(wanted)
    for (const witness of witnesses) {
      const own = await witness.transcript()
      if (transcriptHash(own) !== hash) throw new Error(`${witness.name} has another transcript: ${transcriptDifference(own, wanted)}`)
    }
    return wanted
  }, HEAL_MS)
}

/** What somebody gets who comes for the first time. */
async function served({ server, ada }: Scene, id: string): Promise<TranscriptRow[]> {
  const client = await connect(server, ada.cookie)
  const { messages, more } = await client.rpc.conversation.join({ id, since: 0, limit: 200 })
  await client.close()
  if (more) throw new Error('the room is larger than a page')
  return transcriptOf(messages)
}

/** The embedded database has one user at a time: what it holds is looked at when the server is gone. */
async function checkEmbedded(server: TestServer, rooms: ReadonlyMap<string, string>): Promise<void> {
  await server.stop()
  const engine = await startEngine({ dataDir: server.dataDir, log: silent })
  const sql = new SQL({ adapter: 'postgres', path: engine.path, username: engine.user, password: '', database: engine.database, max: 1 })
  try {
    for (const [id, hash] of rooms) {
      if (transcriptHash(await transcriptInDatabase(sql, id)) !== hash)
        throw new Error(`the database holds another room ${id} than everybody saw`)
    }
  } finally {
    await sql.close()
    await engine.stop()
  }
}

/** The figures of a run in one line. */
export function describeKills({ kills, killedStarts, prompts, interrupted, servedMs, convergedMs }: KillFigures): string {
  const spread = (values: readonly number[]) => `${Math.round(median(values))} ms (median), ${Math.round(Math.max(...values))} ms (longest)`
  return `${kills} kills (${killedStarts} of a start), ${prompts} prompts, ${interrupted} replies interrupted; served again after ${spread(servedMs)}; all the same after ${spread(convergedMs)}`
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
