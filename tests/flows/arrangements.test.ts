import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Arrangement, newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { admit, enter, type Entered, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { createRoom } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* How people keep rooms in their lists, on the wire. */

let postgres: Postgres
let server: TestServer
let mara: Entered
let owner: TestClient
let viewer: TestClient

beforeAll(async () => {
  postgres = await startPostgres()
  server = await startServer({ env: { DATABASE_URL: postgres.url } })
  const ada = await enter(server)
  mara = await introduce(postgres.url, ada, 'Mara')
  ;[owner, viewer] = await Promise.all([connect(server, ada.cookie), connect(server, mara.cookie)])
}, 60_000)
afterAll(async () => {
  await owner?.close()
  await viewer?.close()
  await server?.stop()
  await postgres?.stop()
}, 30_000)

async function sharedRoom(): Promise<string> {
  const id = await createRoom(owner)
  await admit(postgres.url, id, mara, 'viewer')
  return id
}

async function keptBy(client: TestClient, id: string, since?: string): Promise<Arrangement | undefined> {
  const { arrangements } = await client.rpc.conversation.list(since === undefined ? {} : { since })
  return arrangements.find(({ conversationId }) => conversationId === id)
}

test('a room is pinned, archived and tagged for one person, who may be a viewer, and for nobody else', async () => {
  const id = await sharedRoom()
  const { cursor } = await viewer.rpc.conversation.list({})
  const kept = await viewer.rpc.conversation.arrange({ id, pin: 1.5, tags: ['travel', 'with Jon'] })
  expect(kept).toEqual({ conversationId: id, pin: 1.5, archived: false, tags: ['travel', 'with Jon'], version: 1 })
  expect(await keptBy(viewer, id)).toEqual(kept)
  expect(await keptBy(owner, id)).toBeUndefined()
  // Also a device that only asks for what is new hears of it, with the room that it is about.
  const news = await viewer.rpc.conversation.list({ since: cursor })
  expect(news.arrangements).toEqual([kept])
  expect(news.conversations.map((room) => room.id)).toContain(id)

  const later = await viewer.rpc.conversation.arrange({ id, archived: true, pin: null })
  expect(later).toEqual({ conversationId: id, pin: null, archived: true, tags: ['travel', 'with Jon'], version: 2 })
})

test('a call that comes again changes nothing, though it was kept otherwise meanwhile', async () => {
  const id = await createRoom(owner)
  const first = { id, operation: newId(), pin: 1 }
  await owner.rpc.conversation.arrange(first)
  await owner.rpc.conversation.arrange({ id, operation: newId(), pin: null })
  expect(await owner.rpc.conversation.arrange(first)).toEqual({ conversationId: id, pin: null, archived: false, tags: [], version: 2 })
})

test('changes of one moment, from two devices, end the same for both', async () => {
  const id = await createRoom(owner)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => owner.rpc.conversation.arrange({ id, operation: newId(), pin: index })),
  )
  expect(answers.map(({ version }) => version).sort((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  const last = answers.find(({ version }) => version === 8)
  expect(await keptBy(owner, id)).toEqual(last)
})

test('every tab of the person hears of it, and nobody else in the room', async () => {
  const id = await sharedRoom()
  const other = await connect(server, mara.cookie)
  await owner.join(id)
  const kept = await viewer.rpc.conversation.arrange({ id, tags: ['mine'] })
  expect(await other.hear((frame) => frame[0] === 'arrangement')).toEqual(['arrangement', kept])
  await owner.rpc.session.me({})
  expect(owner.frames.some((frame) => frame[0] === 'arrangement' && frame[1].conversationId === id)).toBe(false)
  await other.close()
})

test('a room of others is not there to be kept, and words that are none are no tags', async () => {
  const id = await createRoom(owner)
  await expect(viewer.rpc.conversation.arrange({ id, pin: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND', data: { what: 'conversation' } })
  await expect(viewer.rpc.conversation.arrange({ id: newId(), pin: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  for (const tags of [[''], ['\u200B'], ['x'.repeat(31)], ['same', 'same'], Array.from({ length: 11 }, (_, index) => `tag ${index}`)])
    await expect(owner.rpc.conversation.arrange({ id, tags })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  for (const pin of [1e16, -1e16]) await expect(owner.rpc.conversation.arrange({ id, pin })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  expect((await owner.rpc.conversation.arrange({ id, tags: ['\u202Eevil\n tag'] })).tags).toEqual(['evil tag'])
})

test('who leaves a room and comes back finds it as any other one', async () => {
  const id = await sharedRoom()
  const before = await viewer.rpc.conversation.arrange({ id, pin: 1, tags: ['mine'] })
  await viewer.rpc.member.remove({ conversationId: id, personId: mara.person.id })
  await admit(postgres.url, id, mara, 'viewer')
  expect(await keptBy(viewer, id)).toEqual({ conversationId: id, pin: null, archived: false, tags: [], version: before.version + 1 })
})
