import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { type Frame, HEARTBEAT, type Member, newId } from '#contract'
import { openPostgres } from '../../server/database/postgres.ts'
import { send } from '../../server/database/sending.ts'
import { connect, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { admit, enter, type Entered, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let postgres: Postgres
let url = ''
let server: TestServer
let sql: SQL
let owner: Entered
let other: Entered
let viewer: Entered
let stranger: Entered
let ada: TestClient
let bob: TestClient

beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.createDatabase()
  server = await startServer({ env: { DATABASE_URL: url } })
  // In the database beside it, so that these statements are not among those of the server.
  sql = new SQL(postgres.url, { max: 1 })
  owner = await enter(server)
  other = await introduce(url, owner, 'Bob')
  viewer = await introduce(url, owner, 'Vic')
  stranger = await introduce(url, owner, 'Eve')
  ada = await connect(server, owner.cookie)
  bob = await connect(server, other.cookie)
}, 60_000)

afterAll(async () => {
  await sql.close()
  expect(await server.stop()).toBe(0)
  await postgres.stop()
}, 30_000)

async function room(): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id })
  await admit(url, id, other)
  await admit(url, id, viewer, 'viewer')
  await ada.join(id)
  await bob.join(id)
  return id
}

const note = async (by: TestClient, conversationId: string) => {
  await by.rpc.message.send({ id: newId(), conversationId, text: 'a note', kind: 'note', replyId: newId() })
}

/** The people of a room as a frame tells them. */
const peopleIn = (frame: Frame | undefined, id: string): Member[] => (frame?.[0] === 'people' && frame[1] === id ? frame[2] : [])
const of = (people: readonly Member[], { person }: Entered) => people.find((member) => member.person.id === person.id)

/** The first frame from `from` on that says so of somebody. */
async function hearOf(by: TestClient, id: string, who: Entered, fits: (member: Member) => boolean, from = 0): Promise<Member> {
  const frame = await by.hear(
    (heard) => {
      const member = of(peopleIn(heard, id), who)
      return member !== undefined && fits(member)
    },
    15_000,
    from,
  )
  const member = of(peopleIn(frame, id), who)
  if (!member) throw new Error('nobody')
  return member
}

test('who is here is told by person, not by tab, and not for the moment that a reload takes', async () => {
  const id = await room()
  const tabs = [await connect(server, owner.cookie), await connect(server, owner.cookie)] as const
  for (const tab of tabs) await tab.rpc.presence.look({ conversationId: id })
  expect((await hearOf(bob, id, owner, ({ here }) => here)).seenAt).toBeGreaterThan(Date.now() - 60_000)
  const before = bob.frames.length
  await tabs[0].close()
  const again = await connect(server, owner.cookie)
  await again.rpc.presence.look({ conversationId: id })
  await tabs[1].close()
  // Somebody else comes and goes: whatever was to be told of Ada has been told by then.
  const vic = await connect(server, viewer.cookie)
  await vic.rpc.presence.look({ conversationId: id })
  await hearOf(bob, id, viewer, ({ here }) => here, before)
  await vic.close()
  await hearOf(bob, id, viewer, ({ here }) => !here, before)
  for (const frame of bob.frames.slice(before)) expect(of(peopleIn(frame, id), owner)?.here ?? true).toBe(true)
  await again.rpc.presence.look({ conversationId: null })
  expect((await hearOf(bob, id, owner, ({ here }) => !here, before)).seenAt).toBeGreaterThan(Date.now() - 60_000)
  await again.close()
}, 30_000)

test('whoever joins is told who is here, and who looks elsewhere is not here any more', async () => {
  const [id, elsewhere] = [await room(), await room()]
  await ada.rpc.presence.look({ conversationId: id })
  const late = await connect(server, viewer.cookie)
  const { people } = await late.join(id)
  expect(people.map(({ person, role, here }) => [person.name, role, here])).toEqual([
    ['Ada', 'owner', true],
    ['Bob', 'participant', false],
    ['Vic', 'viewer', false],
  ])
  await ada.rpc.presence.look({ conversationId: elsewhere })
  await hearOf(bob, elsewhere, owner, ({ here }) => here)
  await hearOf(late, id, owner, ({ here }) => !here)
  await late.close()
})

test('presence ends with a socket that dies without a word', async () => {
  const id = await room()
  const source = `
    const socket = new WebSocket('${server.url.replace('http', 'ws')}/rpc?wire=1', { headers: ${JSON.stringify({ cookie: owner.cookie, origin: server.url })} })
    socket.onopen = () => socket.send(JSON.stringify({ i: '1', p: { u: '/presence/look', b: { json: { conversationId: '${id}' } } } }))
  `
  const page = Bun.spawn([process.execPath, '-e', source], { stdout: 'ignore', stderr: 'inherit' })
  await hearOf(bob, id, owner, ({ here }) => here)
  page.kill('SIGKILL')
  await page.exited
  await hearOf(bob, id, owner, ({ here }) => !here)
}, 30_000)

test('somebody who writes is told of once for all their tabs; a viewer does not write, and a stranger is told nothing', async () => {
  const id = await room()
  const tab = await connect(server, owner.cookie)
  await Promise.all([ada, tab, ada, tab].map((by) => by.rpc.presence.typing({ conversationId: id })))
  await bob.hear((frame) => frame[0] === 'typing' && frame[1] === id && frame[2] === owner.person.id)
  await bob.rpc.presence.typing({ conversationId: id })
  await bob.hear((frame) => frame[0] === 'typing' && frame[1] === id && frame[2] === other.person.id)
  expect(bob.frames.filter((frame) => frame[0] === 'typing' && frame[1] === id)).toHaveLength(2)
  const vic = await connect(server, viewer.cookie)
  await expect(vic.rpc.presence.typing({ conversationId: id })).rejects.toMatchObject({ code: 'FORBIDDEN', data: { reason: 'role' } })
  const eve = await connect(server, stranger.cookie)
  const missing = { code: 'NOT_FOUND', data: { what: 'conversation' } }
  await expect(eve.rpc.presence.typing({ conversationId: id })).rejects.toMatchObject(missing)
  await expect(eve.rpc.presence.look({ conversationId: id })).rejects.toMatchObject(missing)
  await expect(eve.rpc.presence.read({ conversationId: id, count: 1 })).rejects.toMatchObject(missing)
  expect(eve.frames).toEqual([])
  await Promise.all([tab, vic, eve].map((client) => client.close()))
})

test('how far somebody has read is told to the room and to their other tabs, never goes back, and never beyond what is there', async () => {
  const id = await room()
  const tab = await connect(server, other.cookie)
  for (let index = 0; index < 3; index++) await note(ada, id)
  expect((await hearOf(bob, id, owner, ({ read }) => read === 3)).read).toBe(3)
  await bob.rpc.presence.read({ conversationId: id, count: 2 })
  await tab.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[2] === 'participant' && frame[3] === 2)
  await hearOf(ada, id, other, ({ read }) => read === 2)
  await bob.rpc.presence.read({ conversationId: id, count: 1 })
  await bob.rpc.presence.read({ conversationId: id, count: 1_000_000 })
  await hearOf(ada, id, other, ({ read }) => read === 3)
  const { people } = await tab.join(id)
  expect(of(people, other)?.read).toBe(3)
  const told = tab.frames.flatMap((frame) => (frame[0] === 'membership' && frame[1] === id ? [frame[3]] : []))
  expect(told).toEqual([2, 3])
  await note(bob, id)
  // Whoever writes has read it all.
  await tab.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[3] === 4)
  await tab.close()
})

test('whoever has written is told to have read it all, also when the server did not hear that it was stored', async () => {
  const id = await room()
  const tab = await connect(server, other.cookie)
  await bob.rpc.presence.typing({ conversationId: id })
  await ada.hear((frame) => frame[0] === 'typing' && frame[1] === id)
  const input = { id: newId(), conversationId: id, text: 'a note', kind: 'note', replyId: newId() } as const
  // As it is when a database commits and is gone before it says so.
  const door = openPostgres(url, { debug() {}, info() {}, warn() {}, error() {} })
  expect(await send(door.db, other.person, input)).toMatchObject({ kind: 'sent' })
  await door.close()
  await bob.rpc.message.send(input)
  await tab.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[3] === 1)
  expect((await hearOf(ada, id, other, ({ read }) => read === 1)).read).toBe(1)
  // What is written next is told at once, not after the pause that one word of it asks for.
  const before = ada.frames.length
  await bob.rpc.presence.typing({ conversationId: id })
  await ada.hear((frame) => frame[0] === 'typing' && frame[1] === id, 5_000, before)
  // Once is enough.
  await bob.rpc.message.send(input)
  await tab.rpc.session.me({})
  expect(tab.frames.filter((frame) => frame[0] === 'membership' && frame[1] === id)).toHaveLength(1)
  await tab.close()
})

test('what was read is written at the latest when the server stops, and the list says so afterwards', async () => {
  const id = await room()
  for (let index = 0; index < 5; index++) await note(ada, id)
  await bob.rpc.presence.read({ conversationId: id, count: 4 })
  const direct = new SQL(url, { max: 1 })
  const stored = () => direct`select read from member where conversation_id = ${id} and person_id = ${other.person.id}`
  expect((await stored())[0].read).toBe(0)
  server.signal('SIGTERM')
  await bob.closed
  await eventually(async () => (await stored())[0].read === 4)
  await direct.close()
  await server.restart()
  ada = await connect(server, owner.cookie)
  bob = await connect(server, other.cookie)
  const { memberships } = await bob.rpc.conversation.list({})
  expect(memberships.find(({ conversationId }) => conversationId === id)).toEqual({ conversationId: id, role: 'participant', read: 4 })
  expect(of((await bob.join(id)).people, other)?.seenAt).toBeNull()
}, 60_000)

test('heartbeats, typing, looking and reading cost no statement, and a room hears of its people twice a second at most', async () => {
  const id = await room()
  for (const by of [ada, bob]) await by.rpc.presence.look({ conversationId: id })
  await note(ada, id)
  await hearOf(bob, id, owner, ({ here, read }) => here && read === 1)
  const database = new URL(url).pathname.slice(1)
  /** When the server's newest statement began: every one of its connections keeps that of its last. */
  const newest = async (): Promise<string> => {
    const [row] = await sql`select max(query_start)::text as at from pg_stat_activity where datname = ${database}`
    return row.at
  }
  const direct = new SQL(url, { max: 1 })
  await eventually(async () => {
    const [row] = await direct`select count(*)::int as seen from person where seen_at is not null`
    return row.seen >= 2
  }, 15_000)
  await direct.close()
  const before = await newest()
  const from = bob.frames.length
  const startedAt = performance.now()
  for (let round = 0; round < 40; round++) {
    for (const by of [ada, bob]) {
      by.sendRaw(HEARTBEAT.ping)
      await by.rpc.presence.typing({ conversationId: id })
      await by.rpc.presence.look({ conversationId: id })
      await by.rpc.presence.read({ conversationId: id, count: 1 })
    }
  }
  await hearOf(ada, id, other, ({ read }) => read === 1)
  expect(await newest()).toBe(before)
  const heard = bob.frames.slice(from).filter((frame) => frame[0] === 'people').length
  expect(heard).toBeLessThanOrEqual(2 + (performance.now() - startedAt) / 500)
  await note(ada, id)
  // The measure itself: a statement is seen.
  expect(await newest()).not.toBe(before)
}, 30_000)
