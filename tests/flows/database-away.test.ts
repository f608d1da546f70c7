import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { type Message, newId } from '#contract'
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually, within } from '../support/eventually.ts'
import { enter, type Entered, freshLink, spend } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { outage } from './outage-cases.ts'

/*
 * The server with a PostgreSQL at the end of a bad line. What holds in every case: a call is answered within its bound, what was acknowledged
 * is there, what was not is wholly there or wholly absent, and a running reply goes on in front of everybody and is written when it can be.
 */

/** The server answers a call within eight seconds; the rest is for a busy machine. */
const CALL_MS = 10_000

let postgres: Postgres
let url = ''
let proxy: ChaosProxy
let emulator: Emulator
let server: TestServer
let owner: Entered
let cookie = ''
let ada: TestClient
let reader: TestClient

beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.createDatabase()
  proxy = await startChaosProxy({ port: postgres.port })
  emulator = await startEmulator()
  const env = {
    GEMINI_API_KEY: 'emulator',
    GEMINI_BASE_URL: emulator.url,
    DATABASE_URL: url.replace(`:${postgres.port}/`, `:${proxy.port}/`),
  }
  server = await startServer({ env })
  owner = await enter(server)
  cookie = owner.cookie
  ada = await connect(server, cookie)
  reader = await connect(server, cookie)
}, 120_000)

afterAll(async () => {
  await server.stop()
  await proxy.stop()
  await emulator.stop()
  await postgres.stop()
}, 60_000)

const health = async () => {
  const answer = await fetch(new URL('/healthz', server.url))
  const { ok }: { ok: boolean } = await answer.json()
  return { status: answer.status, ok }
}
const AWAY = { status: 503, ok: false }

/** What the doors over HTTP say while the database is away. A link or a session is not lost by it: see the end of each outage. */
async function doors(link: string): Promise<Record<string, unknown>> {
  const { origin } = new URL(server.url)
  const post = { method: 'POST', headers: { cookie, origin } }
  const ask: [path: string, init: RequestInit][] = [
    ['/', { headers: { cookie } }],
    [`/c/${newId()}`, { headers: { cookie } }],
    ['/rpc', { headers: { cookie, origin, connection: 'upgrade', upgrade: 'websocket' } }],
    ['/auth/leave', post],
    ['/auth/enter', { ...post, body: JSON.stringify({ token: new URL(link).hash.slice(1), name: 'Ada' }) }],
  ]
  const answers = ask.map(async ([path, init]) => {
    const answer = await within(fetch(new URL(path, origin), { ...init, redirect: 'manual' }), CALL_MS, `The answer of ${path}`)
    const { status, headers } = answer
    const said = /cannot reach its database|"unavailable"/.exec(await answer.text())?.[0] ?? null
    return [
      path.split('/c/')[0] || '/c',
      { status, said, soon: Number(headers.get('retry-after')) > 0, kept: headers.get('set-cookie') === null },
    ]
  })
  return Object.fromEntries(await Promise.all(answers))
}
const door = (said: string) => ({ status: 503, said, soon: true, kept: true })
const SHUT = {
  '/': door('cannot reach its database'),
  '/c': door('cannot reach its database'),
  '/rpc': door('cannot reach its database'),
  '/auth/leave': door('"unavailable"'),
  '/auth/enter': door('"unavailable"'),
}
const WELL = { status: 200, ok: true }

async function room(): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id })
  await ada.join(id)
  await reader.join(id)
  return id
}

type Input = { id: string; conversationId: string; text: string; kind: 'prompt' | 'note'; replyId: string }
const note = (conversationId: string, text: string = newId()): Input => ({
  id: newId(),
  conversationId,
  text,
  kind: 'note',
  replyId: newId(),
})

async function ask(conversationId: string, text: string): Promise<string> {
  const replyId = newId()
  await ada.rpc.message.send({ ...note(conversationId, text), kind: 'prompt', replyId })
  return replyId
}

/** The code that a call is refused with, and how long that took; fails when it is taken. */
async function refusal(call: Promise<unknown>): Promise<{ code: unknown; tookMs: number }> {
  const start = performance.now()
  const error: unknown = await within(
    call.then(
      () => null,
      (thrown) => thrown,
    ),
    CALL_MS,
    'The answer to a call',
  )
  if (typeof error !== 'object' || error === null || !('code' in error)) throw new Error('expected a refusal', { cause: error })
  return { code: error.code, tookMs: performance.now() - start }
}

const sendAgain = (input: Input) =>
  eventually(
    () =>
      ada.rpc.message.send(input).then(
        () => true,
        () => false,
      ),
    40_000,
  )

async function rows(conversationId: string): Promise<Message[]> {
  return (await ada.rpc.conversation.pull({ id: conversationId, since: 0, limit: 200 })).messages
}

const outages: [name: string, begin: () => void, end: () => void][] = [
  [
    'swallows everything without a word',
    () => {
      proxy.door = 'hang'
      proxy.setAll({ kind: 'swallow' })
    },
    // The old connections stay dead, as behind a router that has forgotten them.
    () => (proxy.door = 'open'),
  ],
  [
    'refuses every connection',
    () => {
      proxy.door = 'refuse'
      proxy.cutAll()
    },
    () => (proxy.door = 'open'),
  ],
  ['is frozen', () => postgres.signal('SIGSTOP'), () => postgres.signal('SIGCONT')],
]

for (const [name, begin, end] of outages) {
  test(`a database that ${name} is UNAVAILABLE, readers read on, the reply is written when it is back`, async () => {
    const id = await room()
    const taken = note(id)
    await ada.rpc.message.send(taken)
    const replyId = await ask(id, `[[chunks=240 every=50 units=2400]] ${name}`)
    await reader.hearText(replyId, (text) => text.length > 100)
    await eventually(async () => (await rows(id)).some((row) => row.id === replyId && row.kind === 'reply' && row.state === 'streaming'))
    const link = await freshLink(server)
    begin()
    const lost = note(id)
    try {
      const before = reader.texts.get(replyId)?.length ?? 0
      const shut = doors(link)
      const [first, second, third] = await Promise.all([
        refusal(ada.rpc.message.send(lost)),
        refusal(ada.rpc.conversation.pull({ id, since: 0, limit: 10 })),
        refusal(reader.rpc.conversation.create({ id: newId() })),
      ])
      expect([first.code, second.code, third.code]).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE'])
      expect(await health()).toEqual(AWAY)
      expect(await shut).toEqual(SHUT)
      // The reader has its words while all of this is away, to the last of them.
      await reader.hearText(replyId, (text) => text.length > before + 200)
      await emulator.waitForRequest(({ prompt, finished }) => prompt.endsWith(name) && finished, 30_000)
    } finally {
      end()
    }
    const start = performance.now()
    await eventually(async () => (await health()).ok, 40_000)
    const wellMs = performance.now() - start
    expect(await health()).toEqual(WELL)
    const { row, text } = await reader.hearEnd(replyId, 40_000)
    console.log(`${name}: well again after ${Math.round(wellMs)} ms, the reply written after ${Math.round(performance.now() - start)} ms`)
    expect(row).toMatchObject({ state: 'complete', failure: null })
    expect(row.text).toBe(text)
    expect(text.length).toBeGreaterThanOrEqual(2_400)
    await sendAgain(lost)
    expect((await fetch(server.url, { headers: { cookie }, redirect: 'manual' })).status).toBe(200)
    await spend(server, link)
    const stored = await rows(id)
    for (const input of [taken, lost]) expect(stored.filter((message) => message.id === input.id)).toMatchObject([{ text: input.text }])
    expect(emulator.requests.filter(({ prompt }) => prompt.endsWith(name))).toHaveLength(1)
  }, 120_000)
}

test('a person searches once at a time, and what was typed last is looked for next', async () => {
  await using database = new SQL(url, { max: 2 })
  const busy = async () => {
    const [row] =
      await database`select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and query like '%searched%'`
    return Number(row.count)
  }
  const heard: string[] = []
  const search = (client: TestClient, query: string) =>
    client.rpc.search.messages({ query, limit: 5 }).then(
      () => void heard.push(query),
      (error) => void heard.push(`${query}: ${error.code}`),
    )
  let first = Promise.resolve()
  const later: Promise<void>[] = []
  await database.begin(async (transaction) => {
    await transaction`lock table message in access exclusive mode`
    first = search(ada, 'first')
    await eventually(async () => (await busy()) === 1)
    for (const [index, query] of ['second', 'third', 'fourth'].entries()) later.push(search(index % 2 ? ada : reader, query))
    await eventually(() => heard.length === 2)
    expect(await busy()).toBe(1)
  })
  await Promise.all([first, ...later])
  expect(heard).toHaveLength(4)
  expect(heard.filter((line) => line.endsWith('RATE_LIMITED'))).toHaveLength(2)
  expect(heard).toContain('first')
})

test('what is written without a database waits, is taken once and in its order, and the running answer is read to its end', async () => {
  const freeze = () => postgres.signal('SIGSTOP')
  const thaw = () => postgres.signal('SIGCONT')
  const tookMs = await outage({ server, ada: owner, emulator }, { awayMs: 12_000, sends: 6, begin: freeze, end: thaw })
  console.log(`all is well ${Math.round(tookMs)} ms after 12 s without a database`)
}, 90_000)

test('connections that are reset in the middle of transactions lose nothing that was acknowledged and double nothing', async () => {
  const id = await room()
  const inputs = Array.from({ length: 60 }, (_, index) => note(id, `note ${index}`))
  let cuts = 0
  const lives = new Set<Timer>()
  proxy.onConnection = (connection) => {
    // Every statement of a transaction takes a while, and each connection lives for a time of its own: all of them are hit now and then.
    connection.set({ kind: 'delay', ms: 3 })
    const lifeMs = 30 + ((connection.number * 37) % 120)
    lives.add(setTimeout(() => (cuts++, connection.cut()), lifeMs))
  }
  proxy.cutAll()
  let refused = 0
  try {
    for (let from = 0; from < inputs.length; from += 6) {
      const tries = inputs.slice(from, from + 6).map(async (input) => {
        for (;;) {
          try {
            return await ada.rpc.message.send(input)
          } catch (error) {
            if (typeof error !== 'object' || error === null || !('code' in error) || error.code !== 'UNAVAILABLE') throw error
            refused++
          }
        }
      })
      await within(Promise.all(tries), 30_000, 'The answers of six sends')
    }
  } finally {
    proxy.onConnection = () => {}
    for (const life of lives) clearTimeout(life)
    proxy.setAll({ kind: 'clear' })
  }
  console.log(`${cuts} connections cut, ${refused} sends repeated`)
  expect(cuts).toBeGreaterThan(10)
  const stored = (await sendAgainAndRead(id)).filter(({ kind }) => kind === 'note')
  expect(stored.map(({ id: message }) => message).sort()).toEqual(inputs.map(({ id: message }) => message).sort())
  expect(new Set(stored.map(({ position }) => position)).size).toBe(stored.length)
  expect(new Set(stored.map(({ revision }) => revision)).size).toBe(stored.length)
}, 120_000)

function sendAgainAndRead(id: string): Promise<Message[]> {
  return eventually(() => rows(id).catch(() => null))
}

test('a database that can only be read: rooms are read, sends are UNAVAILABLE, health says so', async () => {
  const id = await room()
  const taken = note(id)
  await ada.rpc.message.send(taken)
  const replyId = await ask(id, '[[chunks=40 every=50]] read only')
  await reader.hearText(replyId, (text) => text.length > 50)
  const admin = new SQL(postgres.url, { max: 1 })
  const name = new URL(url).pathname.slice(1)
  const lost = note(id)
  try {
    await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`)
    await postgres.terminate(url)
    await eventually(async () => (await health()).status === 503)
    expect((await refusal(ada.rpc.message.send(lost))).code).toBe('UNAVAILABLE')
    expect((await ada.rpc.conversation.join({ id, since: 0, limit: 50 })).messages.map((row) => row.id)).toContain(taken.id)
    await emulator.waitForRequest(({ prompt, finished }) => prompt.endsWith('read only') && finished)
    expect((await rows(id)).find((row) => row.id === replyId)).toMatchObject({ state: 'streaming' })
  } finally {
    await admin.unsafe(`alter database ${name} reset default_transaction_read_only`)
    await postgres.terminate(url)
    await admin.close()
  }
  await eventually(async () => (await health()).ok)
  expect((await reader.hearEnd(replyId)).row.state).toBe('complete')
  await sendAgain(lost)
  expect((await rows(id)).filter((row) => row.id === lost.id)).toHaveLength(1)
}, 60_000)

test('a database a quarter of a second away is slow, and nothing else', async () => {
  const id = await room()
  proxy.onConnection = (connection) => connection.set({ kind: 'delay', ms: 125 })
  proxy.setAll({ kind: 'delay', ms: 125 })
  try {
    const sent = note(id)
    const start = performance.now()
    await ada.rpc.message.send(sent)
    // One way there and back at least: how many it takes depends on what this connection has prepared before.
    expect(performance.now() - start).toBeGreaterThan(240)
    expect(await health()).toEqual(WELL)
    const { row, text } = await (async () => reader.hearEnd(await ask(id, '[[chunks=20 every=10]] slowly')))()
    expect(row).toMatchObject({ state: 'complete', text })
    expect((await rows(id)).map((message) => message.id)).toContain(sent.id)
  } finally {
    proxy.onConnection = () => {}
    proxy.setAll({ kind: 'clear' })
  }
}, 60_000)
