import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { type Frame, HEARTBEAT, type Member, newId, type Person } from '#contract'
import { create } from '../../server/database/conversations.ts'
import { member, person } from '../../server/database/schema.ts'
import { type Looker, Presence } from '../../server/rooms/presence.ts'
import { openTestDatabase, silent, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'

const ada: Person = { id: newId(), name: 'Ada', kind: 'owner' }
const eve: Person = { id: newId(), name: 'Eve', kind: 'guest' }
const ROOM = newId()

let database: TestDatabase
const frames: Frame[] = []
let nowMs = 1_000_000
let presence: Presence

beforeAll(async () => {
  database = await openTestDatabase()
  await database.db.insert(person).values([ada, eve])
  await create(database.db, ada, ROOM, {})
  presence = new Presence({ db: database.db, bus: { publish: (_topic, frame) => frames.push(frame) }, log: silent, now: () => nowMs })
}, 60_000)

afterAll(() => database.close(), 30_000)

function tab(by: Person, readyState: Looker['readyState'] = WebSocket.OPEN): Looker {
  return { data: { sessionId: newId(), person: by, wire: 1, rooms: new Set(), joining: new Set() }, readyState }
}

const people = async () => (await presence.people(ROOM)).map(({ person: { name }, here }) => [name, here])
const told = () => frames.filter((frame): frame is ['people', string, Member[]] => frame[0] === 'people')

test('a socket that has said nothing for two heartbeats is gone, and is back with its first word', async () => {
  const page = tab(ada)
  await presence.look(page, ROOM)
  expect(await people()).toEqual([['Ada', true]])
  const seenAt = nowMs
  nowMs += 2 * HEARTBEAT.everyMs
  presence.sweep()
  expect(await people()).toEqual([['Ada', true]])
  nowMs += HEARTBEAT.deadMs + 1
  presence.sweep()
  expect(await people()).toEqual([['Ada', false]])
  await eventually(() => told().at(-1)?.[2][0]?.here === false)
  expect((await presence.people(ROOM))[0]?.seenAt).toBe(seenAt)
  presence.heard(page)
  expect(await people()).toEqual([['Ada', true]])
  await eventually(() => told().at(-1)?.[2][0]?.here === true)
  presence.gone(page)
})

test('a socket that was closed meanwhile is never here', async () => {
  await presence.look(tab(ada, WebSocket.CLOSED), ROOM)
  const page = tab(ada)
  presence.publishPeople(ROOM)
  const looking = presence.look(page, ROOM)
  presence.gone(page)
  expect(await looking).toBe('done')
  await eventually(async () => (await people())[0]?.[1] === false)
})

test('the room that was looked at last counts, whichever answer comes first', async () => {
  const other = newId()
  await create(database.db, ada, other, {})
  const page = tab(ada)
  await Promise.all([presence.look(page, other), presence.look(page, ROOM)])
  expect(await people()).toEqual([['Ada', true]])
  expect((await presence.people(other))[0]?.here).toBe(false)
  presence.gone(page)
})

test('whoever has just come in is let in, and whoever was removed is out as soon as that is said', async () => {
  const page = tab(eve)
  expect(await presence.look(page, ROOM)).toBe('missing')
  await database.db.insert(member).values({ conversationId: ROOM, personId: eve.id, role: 'viewer', changed: '0' })
  expect(await presence.look(page, ROOM)).toBe('done')
  expect((await people()).at(-1)).toEqual(['Eve', true])
  await database.db.delete(member).where(eq(member.personId, eve.id))
  presence.publishPeople(ROOM)
  expect(await presence.look(page, ROOM)).toBe('missing')
  expect(await people()).not.toContainEqual(['Eve', true])
  presence.gone(page)
})
