import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { isOpen, newId } from '#contract'
import { renameConversation, sendPrompt, stopReply } from '../../web/store/commands.ts'
import { useStore } from '../../web/store/store.ts'
import { idAtEnd, timesAsked } from '../support/asked.ts'
import type { ProxiedConnection } from '../support/chaos-proxy.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { random } from '../support/emulator-text.ts'
import { eventually } from '../support/eventually.ts'
import { enter, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { openProxiedTab, type ProxiedTab, sendCookies } from '../support/proxied-tab.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { createLocks } from '../support/tab.ts'
import { transcriptDifference, transcriptHash, transcriptInDatabase, transcriptInStore, type TranscriptRow } from '../support/transcript.ts'

/*
 * The product's own client in four tabs of three people, each behind a network of its own that breaks in every way at random moments, against
 * the real server. `SEED=n bun test tests/flows/partitions.test.ts` plays one schedule again (as far as real time allows).
 */
const SCHEDULES = Number(process.env.SCHEDULES ?? 50)
const CHAOS_MS = 700
const HEAL_MS = 5_000
const STEPS = 26

let postgres: Postgres
let sql: SQL
let emulator: Emulator
let server: TestServer
let control: TestClient
let tabs: ProxiedTab[] = []
let people: string[] = []
let undo = () => {}
// One source for all tabs, so that a seed says as much as it can.
let dice = random(1)

beforeAll(async () => {
  undo = sendCookies()
  postgres = await startPostgres()
  sql = new SQL(postgres.url, { max: 2 })
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url } })
  const ada = await enter(server)
  const bob = await introduce(postgres.url, ada, 'Bob')
  const cyd = await introduce(postgres.url, ada, 'Cyd')
  people = [bob.person.id, cyd.person.id]
  control = await connect(server, ada.cookie)
  const { locks } = createLocks()
  tabs = await Promise.all(
    [ada, ada, bob, cyd].map(({ person, cookie }) =>
      openProxiedTab({ server, person, cookie, locks: person === ada.person ? locks : createLocks().locks, random: () => dice() }),
    ),
  )
}, 120_000)

afterAll(async () => {
  await Promise.all(tabs.map((tab) => tab.stop()))
  undo()
  await server.stop()
  await emulator.stop()
  await sql.close()
  await postgres.stop()
}, 60_000)

const below = (limit: number) => Math.floor(dice() * limit)
const between = (low: number, high: number) => low + below(high - low)

/** One thing that goes wrong with a connection, or with the way to new ones. */
function spoil(tab: ProxiedTab): string {
  const { network } = tab
  const some = (change: (connection: ProxiedConnection) => void) => {
    for (const connection of network.connections) change(connection)
  }
  switch (below(8)) {
    case 0:
      network.cutAll()
      return 'cut'
    case 1: {
      const ms = between(5, 150)
      some((connection) => connection.set({ kind: 'delay', ms }))
      return `delay ${ms}`
    }
    case 2: {
      const bytesPerSecond = between(2_000, 40_000)
      some((connection) => connection.set({ kind: 'throttle', bytesPerSecond }))
      return `throttle ${bytesPerSecond}`
    }
    case 3:
      some((connection) => connection.set({ kind: 'swallow' }))
      return 'half-open'
    case 4:
      // The server hears the tab, the tab hears nothing: what it asks for is carried out and never answered.
      some((connection) => connection.set({ kind: 'swallow' }, 'down'))
      return 'deaf'
    case 5:
      some((connection) => connection.set({ kind: 'swallow' }, 'up'))
      return 'mute'
    case 6:
      network.door = dice() < 0.5 ? 'refuse' : 'hang'
      network.cutAll()
      return `no way (${network.door})`
  }
  network.door = 'open'
  some((connection) => connection.set({ kind: 'clear' }))
  return 'clear'
}

/** Everything is passed on again; a connection that has lost bytes stays dead until somebody notices. */
function heal(): void {
  for (const tab of tabs) {
    tab.network.door = 'open'
    tab.network.setAll({ kind: 'clear' })
    tab.online()
  }
}

type Played = { readonly story: string[]; readonly sent: { id: string; text: string; tab: number }[]; readonly acknowledged: string[] }

async function play(conversationId: string): Promise<Played> {
  const played: Played = { story: [], sent: [], acknowledged: [] }
  const running: Promise<unknown>[] = []
  const start = performance.now()
  for (let step = 0; step < STEPS; step++) {
    const at = (CHAOS_MS / STEPS) * (step + dice())
    await Bun.sleep(Math.max(0, start + at - performance.now()))
    const number = below(tabs.length)
    const tab = tabs[number]
    if (!tab) throw new Error('no such tab')
    const tell = (what: string) => played.story.push(`${Math.round(performance.now() - start)} tab ${number}: ${what}`)
    const lot = dice()
    if (lot < 0.55) tell(spoil(tab))
    else if (lot < 0.85) {
      const text = `[[chunks=${between(2, 16)} every=${between(1, 9)} units=${between(50, 1500)} ${dice() < 0.3 ? 'emoji' : 'cjk'}]] ${newId()}`
      useStore(tab.store)
      const id = await sendPrompt(conversationId, text)
      played.sent.push({ id, text, tab: number === 1 ? 0 : number })
      tell(`sends ${id}`)
    } else if (lot < 0.9) {
      const input = { id: newId(), conversationId, text: newId(), kind: 'note' as const, replyId: newId() }
      running.push(control.rpc.message.send(input).then(() => played.acknowledged.push(input.id)))
    } else if (lot < 0.95) {
      const open = (await transcriptInStore(tab.store.db, conversationId)).find(({ state }) => state !== null && isOpen(state))
      useStore(tab.store)
      if (open) await stopReply(open.id)
      tell(`stops ${open?.id ?? 'nothing'}`)
    } else {
      useStore(tab.store)
      await renameConversation(conversationId, `Room ${step}`)
      tell('renames')
    }
  }
  await Promise.all(running)
  return played
}

/** Milliseconds from now until every outbox is empty, every reply has ended, and all transcripts are the same to the last byte. */
async function converge(conversationId: string): Promise<{ ms: number; rows: TranscriptRow[] }> {
  const start = performance.now()
  const rows = await eventually(async () => {
    for (const { store } of tabs) if ((await store.db.outbox.count()) > 0) throw new Error('an outbox is not empty')
    const stored = await transcriptInDatabase(sql, conversationId)
    if (stored.some(({ state }) => state !== null && isOpen(state))) throw new Error('a reply has not ended')
    const wanted = transcriptHash(stored)
    for (const [number, tab] of tabs.entries()) {
      const own = await transcriptInStore(tab.store.db, conversationId)
      if (transcriptHash(own) !== wanted) throw new Error(`tab ${number} has another transcript: ${transcriptDifference(own, stored)}`)
    }
    return stored
  }, HEAL_MS)
  // A new name may still be on its way when nothing more is said.
  await eventually(async () => {
    const titles = new Set(await Promise.all(tabs.map(async ({ store }) => (await store.db.conversations.get(conversationId))?.title)))
    return titles.size === 1
  }, HEAL_MS)
  return { ms: performance.now() - start, rows }
}

test(`${SCHEDULES} schedules of broken networks: all tabs and the database end as one, nothing is lost, nothing is twice`, async () => {
  const first = Number(process.env.SEED ?? Date.now() % 1_000_000)
  const schedules = process.env.SEED === undefined ? SCHEDULES : 1
  console.log(`seeds ${first} to ${first + schedules - 1}`)
  const times: number[] = []
  let prompts = 0
  let acknowledged = 0
  for (let seed = first; seed < first + schedules; seed++) {
    dice = random(seed)
    const conversationId = newId()
    await control.rpc.conversation.create({ id: conversationId })
    for (const id of people) {
      await sql`insert into member (conversation_id, person_id, role, changed) values (${conversationId}, ${id}, 'participant', pg_current_xact_id())`
    }
    for (const tab of tabs) tab.goTo(conversationId)
    const played = await play(conversationId)
    heal()
    try {
      const { ms, rows } = await converge(conversationId)
      times.push(ms)
      check(played, rows)
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n${played.story.join('\n')}`, {
        cause: error,
      })
    }
    prompts += played.sent.length
    acknowledged += played.acknowledged.length
  }
  const sorted = times.toSorted((one, other) => one - other)
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  console.log(
    `${schedules} schedules, ${prompts} prompts from broken networks, ${acknowledged} notes from a good one; converged in ms: median ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}`,
  )
}, 300_000)

function check({ sent, acknowledged }: Played, rows: readonly TranscriptRow[]): void {
  const byId = new Map(rows.map((row) => [row.id, row]))
  // Everything that was written is there, once: by its id, and by its text, which is no other's.
  for (const { id, text } of sent) {
    expect(byId.get(id)?.text).toBe(text)
    expect(rows.filter((row) => row.text === text)).toHaveLength(1)
    expect(rows.filter((row) => row.parentId === id && row.kind === 'reply')).toHaveLength(1)
  }
  for (const id of acknowledged) expect(byId.has(id)).toBe(true)
  expect(rows.filter(({ kind }) => kind !== 'reply')).toHaveLength(sent.length + acknowledged.length)
  expect(new Set(rows.map(({ position }) => position)).size).toBe(rows.length)
  // In the order in which one device wrote it.
  for (const device of new Set(sent.map(({ tab }) => tab))) {
    const positions = sent.filter(({ tab }) => tab === device).map(({ id }) => byId.get(id)?.position ?? 0)
    expect(positions).toEqual(positions.toSorted((one, other) => one - other))
  }
  const asked = timesAsked(emulator.requests)
  for (const { id, text } of sent) {
    const times = asked.get(idAtEnd(text)) ?? 0
    const answer = rows.find(({ parentId, kind }) => parentId === id && kind === 'reply')
    expect([id, times <= 1, times === 1 || answer?.state !== 'complete']).toEqual([id, true, true])
  }
}
