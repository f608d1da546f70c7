import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { CLOSE, type Frame, LIMITS, newId, type Role } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { connect, readShare, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually, within } from '../support/eventually.ts'
import { comeIn, type Entered, enter, introduce, inviteTo, postEnter, shareRoom } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let emulator: Emulator
let postgres: Postgres
let server: TestServer
let sql: SQL
let ada: Entered
let tab: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  postgres = await startPostgres()
  sql = new SQL(postgres.url, { max: 1 })
  server = await startServer({ env: { DATABASE_URL: postgres.url, GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  ada = await enter(server)
}, 60_000)

// Each with a socket of its own: one may send so much at once.
beforeEach(async () => {
  tab = await connect(server, ada.cookie)
})
afterEach(async () => {
  await tab.close()
})

afterAll(async () => {
  await sql.close()
  expect(await server.stop()).toBe(0)
  await emulator.stop()
  await postgres.stop()
}, 30_000)

const SOON_MS = 15_000

async function room(owner = tab): Promise<string> {
  const id = newId()
  await owner.rpc.conversation.create({ id, title: 'Plans' })
  return id
}

const note = (client: TestClient, conversationId: string, text = 'Hello') =>
  client.rpc.message.send({ id: newId(), conversationId, text, kind: 'note', replyId: newId() })

const join = (client: TestClient, id: string) => client.rpc.conversation.join({ id, since: 0, limit: 50 })

type Refusal = { code: string; data: unknown }
const refusalOf = (call: Promise<unknown>): Promise<Refusal | null> =>
  call.then(
    () => null,
    // What a call of the typed client rejects with.
    (error) => ({ code: (error as Refusal).code, data: (error as Refusal).data }),
  )

async function rolesIn(id: string): Promise<Record<string, Role>> {
  const { people } = await join(tab, id)
  return Object.fromEntries(people.map(({ person, role }) => [person.name, role]))
}

async function usesLeft(id: string): Promise<number | null> {
  const [row] = await sql`select uses_left from link where id = ${id}`
  return row.uses_left
}

/** Opens an invitation as somebody who is signed in already. */
function reopen(token: string, { cookie }: Entered): Promise<Response> {
  return postEnter(server, { token }, { cookie })
}

/** That nothing of the room reaches a tab any more, tested by what reaches somebody who is in it. */
async function expectDeaf(client: TestClient, id: string, by = tab): Promise<void> {
  const from = client.frames.length
  const { message } = await note(by, id, 'not for everybody')
  await by.hear((frame) => frame[0] === 'message' && frame[1].id === message.id)
  await client.rpc.session.me({})
  expect(client.frames.slice(from).filter((frame) => JSON.stringify(frame).includes(id))).toEqual([])
}

/** A moment of the server's time. */
const turn = () => fetch(new URL('/shell', server.url))

/**
 * Whoever ends something has its answer only after those whom it concerns were told: the order on their sockets proves that, where a clock would only
 * say how busy the machine is. `bun run bench revocation` has the figure.
 */
async function heardAtOnce(client: TestClient, fits: (frame: Frame) => boolean): Promise<void> {
  await client.rpc.session.me({})
  expect(client.frames.some(fits)).toBe(true)
}

/** The same of a socket that is closed: nothing that is asked from now on is answered. The code that it was closed with. */
async function endedAtOnce(client: TestClient, what: string): Promise<number> {
  expect(await client.rpc.session.me({}).catch(() => null)).toBeNull()
  return (await within(client.closed, SOON_MS, what)).code
}

const isGone = (id: string) => (frame: Frame) => frame[0] === 'gone' && frame[1] === id

test('a guest opens an invitation, says a name and is in the room, with that name made harmless', async () => {
  const id = await room()
  await note(tab, id, 'Said before')
  const { token } = await inviteTo(tab, id, { uses: 1 })
  const nameless = await postEnter(server, { token })
  expect([nameless.status, await nameless.json()]).toEqual([422, { error: 'name_needed' }])
  expect((await postEnter(server, { token, name: ' \u202E\u0007\u200B ' })).status).toBe(422)
  const answer = await postEnter(server, { token, name: '  Bo\u202Eb\u0000\n de  Vries\u200D ' })
  expect(await answer.json()).toEqual({ conversationId: id })
  expect(answer.headers.get('set-cookie')).toMatch(/^confab\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=7776000$/)
  const guest = await connect(server, answer.headers.getSetCookie()[0]?.split(';')[0] ?? '')
  const { person } = await guest.rpc.session.me({})
  expect(person).toMatchObject({ name: 'Bob de Vries', kind: 'guest' })
  const joined = await join(guest, id)
  expect(joined.messages.map(({ text }) => text)).toEqual(['Said before'])
  expect(joined.people).toMatchObject([
    { person: ada.person, role: 'owner' },
    { person, role: 'participant', read: 1 },
  ])
  // Nothing else of this server is theirs.
  expect((await guest.rpc.conversation.list({})).conversations.map((row) => row.id)).toEqual([id])
  await guest.close()
})

test('of many who open an invitation for one at the same moment, one is in', async () => {
  const id = await room()
  const { token } = await inviteTo(tab, id, { uses: 1 })
  const answers = await Promise.all(Array.from({ length: 25 }, (_, index) => postEnter(server, { token, name: `Guest ${index}` })))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 24 }, () => 410)])
  expect(Object.keys(await rolesIn(id))).toHaveLength(2)
  const [{ orphans }] = await sql`
    select count(*)::int as orphans from person p where kind = 'guest' and not exists (select from member m where m.person_id = p.id)`
  expect(orphans).toBe(0)
})

test('used, expired, revoked and unknown links, and those of rooms that are gone, look the same', async () => {
  // So many that open nothing are too many from one address.
  await server.restart()
  tab = await connect(server, ada.cookie)
  const id = await room()
  const used = await inviteTo(tab, id, { uses: 1 })
  const expired = await inviteTo(tab, id, { lastsMs: 60_000 })
  const revoked = await inviteTo(tab, id)
  const share = await shareRoom(tab, id)
  await comeIn(server, used.token, 'Bob')
  await sql`update link set expires_at = now() - interval '1 second' where id = ${expired.id}`
  await tab.rpc.link.revoke({ id: revoked.id, people: false })
  const elsewhere = await room()
  const buried = await inviteTo(tab, elsewhere)
  await tab.rpc.conversation.remove({ id: elsewhere })
  const device = { id: newId(), token: newToken() }
  await tab.rpc.link.device(device)
  expect((await postEnter(server, { token: device.token })).status).toBe(200)
  const tokens = [used, expired, revoked, share, buried, device].map(({ token }) => token)
  const seen = new Set<string>()
  for (const token of [...tokens, newToken()]) {
    for (const body of [{ token }, { token, name: 'Eve' }]) {
      const answer = await postEnter(server, body)
      const headers = [...answer.headers].filter(([name]) => name !== 'date')
      seen.add(JSON.stringify([answer.status, headers, await answer.text()]))
    }
  }
  expect([...seen]).toHaveLength(1)
  expect([...seen][0]).toContain('410')
  await server.restart()
  tab = await connect(server, ada.cookie)
})

test('a person who is known gains the room, on all their tabs, and keeps who they are; opening it again is worth nothing', async () => {
  const id = await room()
  const bob = await introduce(postgres.url, ada, 'Bob')
  const tabs = [await connect(server, bob.cookie), await connect(server, bob.cookie)]
  const link = await inviteTo(tab, id, { role: 'viewer', uses: 3 })
  await join(tab, id)
  // Twice at once, as a double click does it.
  const answers = await Promise.all([reopen(link.token, bob), reopen(link.token, bob)])
  for (const answer of answers) {
    expect([answer.status, await answer.json(), answer.headers.get('set-cookie')]).toEqual([200, { conversationId: id }, null])
  }
  expect(await usesLeft(link.id)).toBe(2)
  for (const one of tabs) {
    await one.hear((frame) => frame[0] === 'conversation' && frame[1].id === id)
    await one.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[2] === 'viewer')
  }
  await tab.hear((frame) => frame[0] === 'people' && frame[1] === id && frame[2].some(({ person }) => person.id === bob.person.id))
  // A link with more rights does not raise them, one with fewer does not lower them, and one that works no more leads there all the same.
  const more = await inviteTo(tab, id, { role: 'participant', uses: 1 })
  expect((await reopen(more.token, bob)).status).toBe(200)
  expect(await usesLeft(more.id)).toBe(1)
  expect(await rolesIn(id)).toEqual({ Ada: 'owner', Bob: 'viewer' })
  await tab.rpc.member.update({ conversationId: id, personId: bob.person.id, role: 'participant' })
  await tab.rpc.link.revoke({ id: link.id, people: false })
  expect(await (await reopen(link.token, bob)).json()).toEqual({ conversationId: id })
  expect((await reopen(more.token, ada)).status).toBe(200)
  expect(await rolesIn(id)).toEqual({ Ada: 'owner', Bob: 'participant' })
  expect(await usesLeft(more.id)).toBe(1)
  for (const one of tabs) await one.close()
})

test(`a room holds ${LIMITS.peoplePerRoom} people; who comes after them takes no use of the link`, async () => {
  const id = await room()
  const link = await inviteTo(tab, id, { uses: 200 })
  // From one address within a moment, as a class of students does; some of them without a name at first.
  for (let index = 1; index < LIMITS.peoplePerRoom; index++) {
    if (index % 5 === 0) expect((await postEnter(server, { token: link.token })).status).toBe(422)
    expect((await postEnter(server, { token: link.token, name: `Guest ${index}` })).status).toBe(200)
  }
  const late = await postEnter(server, { token: link.token, name: 'Late' })
  expect([late.status, await late.json()]).toEqual([409, { error: 'room_full' }])
  expect(await usesLeft(link.id)).toBe(200 - LIMITS.peoplePerRoom + 1)
  const { people } = await join(tab, id)
  expect(people).toHaveLength(LIMITS.peoplePerRoom)
  // Somebody goes: there is a place again.
  await tab.rpc.member.remove({ conversationId: id, personId: people.at(-1)?.person.id ?? '' })
  expect((await postEnter(server, { token: link.token, name: 'Late' })).status).toBe(200)
}, 30_000)

test('whoever is removed hears it at once and nothing of the room after it; the link that brought them does not bring them back', async () => {
  const id = await room()
  const link = await inviteTo(tab, id)
  const bob = await comeIn(server, link.token, 'Bob')
  const tabs = [await connect(server, bob.cookie), await connect(server, bob.cookie)]
  const [first, second] = tabs
  if (!first || !second) throw new Error('two tabs')
  for (const one of [...tabs, tab]) await join(one, id)
  const { cursor } = await first.rpc.conversation.list({})
  await tab.rpc.member.remove({ conversationId: id, personId: bob.person.id })
  for (const one of tabs) await heardAtOnce(one, isGone(id))
  await tab.hear((frame) => frame[0] === 'people' && frame[1] === id && frame[2].length === 1)
  for (const one of tabs) await expectDeaf(one, id)
  for (const call of [() => join(first, id), () => note(first, id), () => first.rpc.presence.typing({ conversationId: id })]) {
    expect(await refusalOf(call())).toEqual({ code: 'NOT_FOUND', data: { what: 'conversation' } })
  }
  // A device that was switched off meanwhile hears of it by the list.
  expect((await first.rpc.conversation.list({ since: cursor })).gone).toEqual([id])
  expect((await first.rpc.conversation.list({})).conversations).toEqual([])
  // Removed is removed: once more changes nothing, and is no failure.
  await tab.rpc.member.remove({ conversationId: id, personId: bob.person.id })
  expect((await reopen(link.token, bob)).status).toBe(410)
  const again = await inviteTo(tab, id, { role: 'viewer' })
  expect(await (await reopen(again.token, bob)).json()).toEqual({ conversationId: id })
  expect((await first.rpc.conversation.list({ since: cursor })).gone).toEqual([])
  expect(await rolesIn(id)).toEqual({ Ada: 'owner', Bob: 'viewer' })
  for (const one of tabs) await one.close()
})

test('whoever leaves may come back by the same link', async () => {
  const id = await room()
  const link = await inviteTo(tab, id)
  const bob = await comeIn(server, link.token, 'Bob')
  const guest = await connect(server, bob.cookie)
  await join(guest, id)
  await guest.rpc.member.remove({ conversationId: id, personId: bob.person.id })
  await heardAtOnce(guest, isGone(id))
  await join(tab, id)
  await expectDeaf(guest, id)
  // Leaving what one has left, and what one never was in, is the same.
  await guest.rpc.member.remove({ conversationId: id, personId: bob.person.id })
  await guest.rpc.member.remove({ conversationId: newId(), personId: bob.person.id })
  expect((await reopen(link.token, bob)).status).toBe(200)
  await join(guest, id)
  await guest.close()
})

test('a removal in the middle of joins leaves nobody listening, whichever comes first', async () => {
  const id = await room()
  await join(tab, id)
  const bob = await introduce(postgres.url, ada, 'Bob')
  let early = 0
  for (let round = 0; round < 30; round++) {
    expect((await reopen((await inviteTo(tab, id)).token, bob)).status).toBe(200)
    const tabs = await Promise.all(Array.from({ length: 4 }, () => connect(server, bob.cookie)))
    const remove = async () => {
      // A few turns of the event loop later each time, so that it meets the joins at every stage.
      for (let count = 0; count < round % 10; count++) await turn()
      await tab.rpc.member.remove({ conversationId: id, personId: bob.person.id })
    }
    const joins = tabs.map((one) => refusalOf(join(one, id)))
    await remove()
    const outcomes = await Promise.all(joins)
    early += outcomes.filter((refusal) => refusal !== null).length
    for (const refusal of outcomes) if (refusal) expect(refusal.code).toBe('NOT_FOUND')
    for (const one of tabs) await heardAtOnce(one, isGone(id))
    for (const one of tabs) await expectDeaf(one, id)
    await Promise.all(tabs.map((one) => one.close()))
  }
  console.log(`${early} of 120 joins came too late`)
}, 60_000)

/** Runs `meanwhile` while the database keeps what `lock` names; whatever meets it there waits. `waiting(n)`: so many do. */
async function held(lock: string, meanwhile: (waiting: (count: number) => Promise<unknown>) => Promise<void>): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.unsafe(lock)
    await meanwhile((count) =>
      eventually(async () => {
        const [row] = await tx`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`
        return row.n === count
      }),
    )
  })
}

test('a join that the database holds up while the person is removed is refused, though its room was read before', async () => {
  const id = await room()
  const bob = await comeIn(server, (await inviteTo(tab, id)).token, 'Bob')
  const guest = await connect(server, bob.cookie)
  const joining = Promise.withResolvers<Refusal | null>()
  await held('lock table message in access exclusive mode', async (waiting) => {
    void refusalOf(join(guest, id)).then(joining.resolve)
    await waiting(1)
    await tab.rpc.member.remove({ conversationId: id, personId: bob.person.id })
  })
  expect(await joining.promise).toEqual({ code: 'NOT_FOUND', data: { what: 'conversation' } })
  await join(tab, id)
  await expectDeaf(guest, id)
  await guest.close()
})

test('a link that is revoked with its people takes out all who came by it, and nobody else', async () => {
  const id = await room()
  const bad = await inviteTo(tab, id)
  const good = await inviteTo(tab, id)
  const [bob, eve, carol] = await Promise.all([
    comeIn(server, bad.token, 'Bob'),
    comeIn(server, bad.token, 'Eve'),
    comeIn(server, good.token, 'Carol'),
  ])
  const [bobs, eves, carols] = await Promise.all([bob, eve, carol].map(({ cookie }) => connect(server, cookie)))
  if (!bobs || !eves || !carols) throw new Error('three tabs')
  for (const one of [bobs, eves, carols]) await join(one, id)
  await tab.rpc.link.revoke({ id: bad.id, people: true })
  await Promise.all([bobs, eves].map((one) => heardAtOnce(one, isGone(id))))
  await join(tab, id)
  await expectDeaf(bobs, id)
  expect(await rolesIn(id)).toEqual({ Ada: 'owner', Carol: 'participant' })
  expect((await tab.rpc.link.list({ conversationId: id })).links.map((link) => link.id)).toEqual([good.id])
  expect((await reopen(good.token, bob)).status).toBe(410)
  await note(carols, id)
  for (const one of [bobs, eves, carols]) await one.close()
})

test('readers of a share hear no note, and are closed when it is revoked, its room goes or its maker is disabled', async () => {
  const bob = await introduce(postgres.url, ada, 'Bob')
  const bobs = await connect(server, bob.cookie)
  const rooms = [await room(), await room(), await room(bobs)] as const
  const shares = [await shareRoom(tab, rooms[0]), await shareRoom(tab, rooms[1]), await shareRoom(bobs, rooms[2])] as const
  const readers = await Promise.all(shares.map(({ token }) => readShare(server, token)))
  await join(tab, rooms[0])
  await note(tab, rooms[0], 'for people only')
  await tab.rpc.conversation.update({ id: rooms[0], title: 'Read on' })
  await eventually(() => readers[0]?.frames.some((frame) => frame.includes('Read on')))
  expect(readers[0]?.frames.join('')).not.toContain('for people only')
  const ends: (() => Promise<unknown>)[] = [
    () => tab.rpc.link.revoke({ id: shares[0].id, people: false }),
    () => tab.rpc.member.remove({ conversationId: rooms[1], personId: ada.person.id }),
    () => tab.rpc.admin.updatePerson({ id: bob.person.id, disabled: true }),
  ]
  for (const [index, end] of ends.entries()) {
    await end()
    const { closed } = readers[index] ?? {}
    expect(closed && (await within(closed, SOON_MS, 'The end of a reader'))).toBe(CLOSE.removed)
    const page = await fetch(new URL(`/s/${shares[index]?.token}`, server.url))
    expect(page.status).toBe(404)
    expect((await (await readShare(server, shares[index]?.token ?? '')).closed) >= 1000).toBe(true)
  }
  await bobs.closed
})

test('whoever hands a room over hands over its door: no link to it works any longer, and readers are closed', async () => {
  const id = await room()
  const heir = await introduce(postgres.url, ada, 'Hera')
  const invitation = await inviteTo(tab, id)
  expect((await reopen(invitation.token, heir)).status).toBe(200)
  const share = await shareRoom(tab, id)
  const reader = await readShare(server, share.token)
  await tab.rpc.member.update({ conversationId: id, personId: heir.person.id, role: 'owner' })
  expect(await within(reader.closed, SOON_MS, 'The end of a reader')).toBe(CLOSE.removed)
  expect((await postEnter(server, { token: invitation.token, name: 'Late' })).status).toBe(410)
  expect((await fetch(new URL(`/s/${share.token}`, server.url))).status).toBe(404)
  const heras = await connect(server, heir.cookie)
  expect((await heras.rpc.link.list({ conversationId: id })).links).toEqual([])
  // The door of the new owner is theirs.
  const theirs = await inviteTo(heras, id)
  await comeIn(server, theirs.token, 'Late')
  await heras.close()
})

test('a link that is made while the room is handed over is not made', async () => {
  const id = await room()
  const heir = await introduce(postgres.url, ada, 'Hera')
  await reopen((await inviteTo(tab, id)).token, heir)
  const waiting = async (count: number) =>
    eventually(async () => {
      const [row] =
        await sql`select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
      return row.count === count
    })
  const holder = new SQL(postgres.url, { max: 1 })
  const { handing, making } = await holder.begin(async (tx) => {
    await tx`select 1 from conversation where id = ${id} for update`
    const first = tab.rpc.member.update({ conversationId: id, personId: heir.person.id, role: 'owner' })
    await waiting(1)
    const second = refusalOf(inviteTo(tab, id))
    await waiting(2)
    return { handing: first, making: second }
  })
  await handing
  expect(await making).toEqual({ code: 'FORBIDDEN', data: { reason: 'role' } })
  await holder.close()
})

test('a room made in one tab is there, and its maker’s own, in every other tab of theirs', async () => {
  const other = await connect(server, ada.cookie)
  const id = await room()
  expect(await other.hear((frame) => frame[0] === 'conversation' && frame[1].id === id)).toBeDefined()
  expect(await other.hear((frame) => frame[0] === 'membership' && frame[1] === id)).toEqual(['membership', id, 'owner', 0])
  await other.close()
})

test('nobody who is not in a room can make its people wait', async () => {
  const id = await room()
  const mallory = await introduce(postgres.url, ada, 'Mallory')
  const mallorys = await connect(server, mallory.cookie)
  const { token } = await shareRoom(tab, id)
  const ended = await inviteTo(tab, id)
  await tab.rpc.link.revoke({ id: ended.id, people: false })
  // Whoever holds the room's row holds all who stand in line for it; a stranger is answered before the line.
  await sql.begin(async (tx) => {
    await tx`select 1 from conversation where id = ${id} for update`
    const answers = await Promise.all([
      refusalOf(mallorys.rpc.conversation.create({ id, title: 'Mine' })),
      refusalOf(mallorys.rpc.conversation.remove({ id })),
      refusalOf(mallorys.rpc.member.update({ conversationId: id, personId: ada.person.id, role: 'viewer' })),
      refusalOf(mallorys.rpc.member.remove({ conversationId: id, personId: ada.person.id })),
      refusalOf(mallorys.rpc.member.remove({ conversationId: id, personId: mallory.person.id })),
      fetch(new URL(`/s/${token}/copy`, server.url), {
        method: 'POST',
        headers: { origin: new URL(server.url).origin, cookie: mallory.cookie },
        body: new URLSearchParams({ id }),
        redirect: 'manual',
      }).then(({ status }) => status),
      postEnter(server, { token: ended.token, name: 'Late' }).then(({ status }) => status),
    ])
    expect(answers.map((answer) => (typeof answer === 'number' ? answer : (answer?.code ?? null)))).toEqual([
      'CONFLICT',
      null,
      'NOT_FOUND',
      'NOT_FOUND',
      null,
      404,
      410,
    ])
  })
  await note(tab, id)
  await mallorys.close()
})

test('only an owner changes roles; the room has one, who cannot leave it without an heir, unless they are alone', async () => {
  const id = await room()
  const { token } = await inviteTo(tab, id)
  const bob = await comeIn(server, token, 'Bob')
  const carol = await comeIn(server, token, 'Carol')
  const [bobs, carols] = [await connect(server, bob.cookie), await connect(server, carol.cookie)]
  const set = (client: TestClient, personId: string, role: Role) =>
    refusalOf(client.rpc.member.update({ conversationId: id, personId, role }))
  const remove = (client: TestClient, personId: string) => refusalOf(client.rpc.member.remove({ conversationId: id, personId }))
  const role = { code: 'FORBIDDEN', data: { reason: 'role' } }
  const lastOwner = { code: 'FORBIDDEN', data: { reason: 'last_owner' } }
  expect(await set(bobs, bob.person.id, 'owner')).toEqual(role)
  expect(await set(bobs, carol.person.id, 'viewer')).toEqual(role)
  expect(await remove(bobs, carol.person.id)).toEqual(role)
  expect(await remove(bobs, ada.person.id)).toEqual(role)
  expect(await set(tab, newId(), 'viewer')).toEqual({ code: 'NOT_FOUND', data: { what: 'member' } })
  expect(await set(tab, ada.person.id, 'viewer')).toEqual(lastOwner)
  expect(await remove(tab, ada.person.id)).toEqual(lastOwner)

  // A viewer may not write from that moment on.
  expect(await set(tab, bob.person.id, 'viewer')).toBeNull()
  await bobs.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[2] === 'viewer')
  expect(await refusalOf(note(bobs, id))).toEqual(role)

  const { people } = await tab.rpc.member.update({ conversationId: id, personId: carol.person.id, role: 'owner' })
  expect(people.map((one) => [one.person.name, one.role])).toEqual([
    ['Ada', 'participant'],
    ['Bob', 'viewer'],
    ['Carol', 'owner'],
  ])
  await carols.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[2] === 'owner')
  await tab.hear((frame) => frame[0] === 'membership' && frame[1] === id && frame[2] === 'participant')
  expect(await set(tab, bob.person.id, 'participant')).toEqual(role)
  expect(await refusalOf(tab.rpc.conversation.remove({ id }))).toEqual(role)
  expect(await remove(tab, ada.person.id)).toBeNull()
  expect(await remove(carols, bob.person.id)).toBeNull()
  // Alone: the room goes with its owner.
  await join(carols, id)
  expect(await remove(carols, carol.person.id)).toBeNull()
  await heardAtOnce(carols, isGone(id))
  expect(await refusalOf(join(carols, id))).toMatchObject({ code: 'NOT_FOUND' })
  expect((await carols.rpc.conversation.list({})).conversations).toEqual([])
  const [{ deleted }] = await sql`select deleted_at is not null as deleted from conversation where id = ${id}`
  expect(deleted).toBe(true)
  await bobs.close()
  await carols.close()
})

test('whoever becomes a viewer can stop nothing any more, and whoever is removed neither, in a room that their tab has joined', async () => {
  const id = await room()
  const bob = await comeIn(server, (await inviteTo(tab, id)).token, 'Bob')
  const guest = await connect(server, bob.cookie)
  await join(guest, id)
  const replyId = newId()
  await tab.rpc.message.send({ id: newId(), conversationId: id, text: '[[hand]] slowly', kind: 'prompt', replyId })
  const answer = await emulator.next({ prompt: 'slowly' })
  const stop = () => refusalOf(guest.rpc.reply.stop({ id: replyId }))
  await tab.rpc.member.update({ conversationId: id, personId: bob.person.id, role: 'viewer' })
  expect(await stop()).toEqual({ code: 'FORBIDDEN', data: { reason: 'role' } })
  await tab.rpc.member.remove({ conversationId: id, personId: bob.person.id })
  expect(await stop()).toEqual({ code: 'NOT_FOUND', data: { what: 'reply' } })
  await answer.write('Done')
  await answer.finish()
  await join(tab, id)
  await eventually(async () => (await join(tab, id)).messages.some((row) => row.kind === 'reply' && row.state === 'complete'))
  await guest.close()
})

test('two owners at once cannot be made, and a room is never without one', async () => {
  const id = await room()
  const { token } = await inviteTo(tab, id)
  const heirs = await Promise.all(['Bob', 'Carol', 'Dan'].map((name) => comeIn(server, token, name)))
  await Promise.all([
    ...heirs.map(({ person }) => refusalOf(tab.rpc.member.update({ conversationId: id, personId: person.id, role: 'owner' }))),
    refusalOf(tab.rpc.member.remove({ conversationId: id, personId: ada.person.id })),
  ])
  const rows = await sql`select person_id from member where conversation_id = ${id} and role = 'owner'`
  expect(rows).toHaveLength(1)
})

test('links are made by owners, once by id, so many at a time; their secrets are never told again', async () => {
  const id = await room()
  const { token } = await inviteTo(tab, id)
  const bob = await comeIn(server, token, 'Bob')
  const guest = await connect(server, bob.cookie)
  const secret = { id: newId(), token: newToken() }
  const wanted = { ...secret, conversationId: id, role: 'viewer' as const, uses: 2, lastsMs: 60_000, label: ' For\u202E Eve ' }
  for (const call of [
    () => guest.rpc.link.invite(wanted),
    () => guest.rpc.link.share({ ...secret, conversationId: id, label: '', lastsMs: null }),
    () => guest.rpc.link.list({ conversationId: id }),
  ]) {
    expect(await refusalOf(call())).toEqual({ code: 'FORBIDDEN', data: { reason: 'role' } })
  }
  const made = await tab.rpc.link.invite(wanted)
  expect(made).toMatchObject({
    id: secret.id,
    kind: 'invite',
    role: 'viewer',
    label: 'For Eve',
    usesLeft: 2,
    createdBy: { id: ada.person.id },
  })
  expect(await tab.rpc.link.invite(wanted)).toEqual(made)
  expect(await refusalOf(tab.rpc.link.invite({ ...wanted, token: newToken() }))).toMatchObject({ code: 'CONFLICT' })
  expect(await refusalOf(tab.rpc.link.invite({ ...wanted, id: newId() }))).toMatchObject({ code: 'CONFLICT' })
  expect(await refusalOf(guest.rpc.link.device(secret))).toMatchObject({ code: 'CONFLICT' })
  const { links } = await tab.rpc.link.list({ conversationId: id })
  expect(links).toHaveLength(2)
  expect(links[1]).toEqual(made)
  expect(JSON.stringify(links)).not.toContain(secret.token)
  expect(await refusalOf(guest.rpc.link.revoke({ id: secret.id, people: true }))).toEqual({ code: 'NOT_FOUND', data: { what: 'link' } })
  for (let count = 2; count < LIMITS.linksAtOnce; count++) await inviteTo(tab, id)
  expect(await refusalOf(inviteTo(tab, id))).toEqual({ code: 'BUSY', data: { limit: LIMITS.linksAtOnce } })
  await tab.rpc.link.revoke({ id: secret.id, people: false })
  await tab.rpc.link.revoke({ id: secret.id, people: false })
  await inviteTo(tab, id)
  const [{ bare }] = await sql`select count(*)::int as bare from link where token_hash in (${secret.token}, ${token})`
  expect(bare).toBe(0)
  await guest.close()
})

test('a second device comes in as the same person, once, within two minutes, and what the browser was before ends', async () => {
  const { token } = await inviteTo(tab, await room())
  const bob = await comeIn(server, token, 'Bob')
  const eve = await comeIn(server, token, 'Eve')
  const [bobs, eves] = [await connect(server, bob.cookie), await connect(server, eve.cookie)]
  const secret = { id: newId(), token: newToken() }
  const link = await bobs.rpc.link.device(secret)
  expect((link.expiresAt ?? 0) - Date.now()).toBeWithin(LIMITS.deviceLinkMs - 10_000, LIMITS.deviceLinkMs + 10_000)
  // Eve's browser becomes Bob's.
  const answer = await postEnter(server, { token: secret.token }, { cookie: eve.cookie, 'user-agent': 'A phone' })
  expect(await answer.json()).toEqual({})
  expect(await endedAtOnce(eves, 'The end of Eve’s socket')).toBe(CLOSE.signedOut)
  await expect(connect(server, eve.cookie)).rejects.toThrow()
  const phone = await connect(server, answer.headers.getSetCookie()[0]?.split(';')[0] ?? '')
  expect((await phone.rpc.session.me({})).person).toEqual(bob.person)
  expect((await postEnter(server, { token: secret.token })).status).toBe(410)
  const { sessions } = await bobs.rpc.session.list({})
  expect(sessions.map(({ label, current }) => [label, current])).toEqual([
    [expect.any(String), true],
    ['A phone', false],
  ])
  for (const { seenAt } of sessions) expect(Date.now() - seenAt).toBeLessThan(60_000)

  // Signed out from the other one, and only by the same person.
  const phoneSession = sessions[1]?.id ?? ''
  await tab.rpc.session.revoke({ id: phoneSession })
  expect((await phone.rpc.session.me({})).sessionId).toBe(phoneSession)
  await bobs.rpc.session.revoke({ id: phoneSession })
  expect(await endedAtOnce(phone, 'The end of the phone’s socket')).toBe(CLOSE.signedOut)
  expect((await bobs.rpc.session.list({})).sessions).toHaveLength(1)
  await bobs.rpc.session.revoke({ id: phoneSession })
  await bobs.close()
})

test('a session that ends while its browser connects is not let in', async () => {
  for (let round = 0; round < 20; round++) {
    const bob = await introduce(postgres.url, ada, 'Bob')
    const main = await connect(server, bob.cookie)
    const { sessionId } = await main.rpc.session.me({})
    const late = Array.from({ length: 6 }, async (_, index) => {
      for (let count = 0; count < index; count++) await turn()
      return connect(server, bob.cookie)
    })
    const settled = Promise.allSettled(late)
    for (let count = 0; count < round % 5; count++) await turn()
    main.rpc.session.revoke({ id: sessionId }).catch(() => undefined)
    await within(main.closed, SOON_MS, 'The end of the first socket')
    for (const outcome of await settled) {
      if (outcome.status === 'fulfilled') await within(outcome.value.closed, SOON_MS, 'The end of a socket that came late')
    }
  }
}, 30_000)

test('a session that is revoked while the database holds up the upgrade of another of its sockets is not let in', async () => {
  const bob = await introduce(postgres.url, ada, 'Bob')
  const main = await connect(server, bob.cookie)
  const { sessionId } = await main.rpc.session.me({})
  // It has to be renewed: so who it is has been read when the upgrade waits.
  await sql`update session set expires_at = now() + interval '1 day' where id = ${sessionId}`
  let late: Promise<TestClient | null> = Promise.resolve(null)
  await held(`select from session where id = '${sessionId}' for update`, async (waiting) => {
    main.rpc.session.revoke({ id: sessionId }).catch(() => undefined)
    await waiting(1)
    late = connect(server, bob.cookie).catch(() => null)
    await waiting(2)
  })
  await within(main.closed, SOON_MS, 'The end of the first socket')
  await (await late)?.rpc.session.me({}).then(
    () => expect.unreachable('it was let in'),
    () => undefined,
  )
})

test('a new name is told to everybody, and everything said from then on bears it', async () => {
  const id = await room()
  const bob = await comeIn(server, (await inviteTo(tab, id)).token, 'Bob')
  const tabs = [await connect(server, bob.cookie), await connect(server, bob.cookie)]
  const [first, second] = tabs
  if (!first || !second) throw new Error('two tabs')
  await join(tab, id)
  expect(await first.rpc.session.rename({ name: ' Rob\u202Eert ' })).toEqual({ ...bob.person, name: 'Robert' })
  await tab.hear((frame) => frame[0] === 'people' && frame[2].some(({ person }) => person.name === 'Robert'))
  expect((await second.rpc.session.me({})).person.name).toBe('Robert')
  const { message } = await note(second, id)
  expect(message.kind !== 'reply' && message.author.name).toBe('Robert')
  for (const name of ['', '\u202E\u200B', ' \n '])
    expect(await refusalOf(first.rpc.session.rename({ name }))).toMatchObject({ code: 'BAD_REQUEST' })
  for (const one of tabs) await one.close()
})

test('a person who is disabled is nobody: neither their cookie, nor their links, nor another name lets them in', async () => {
  const bob = await introduce(postgres.url, ada, 'Bob')
  const bobs = await connect(server, bob.cookie)
  const id = await room(bobs)
  const theirs = await inviteTo(bobs, id)
  const device = { id: newId(), token: newToken() }
  await bobs.rpc.link.device(device)
  await tab.rpc.admin.updatePerson({ id: bob.person.id, disabled: true })
  expect(await endedAtOnce(bobs, 'The end of the socket of somebody disabled')).toBe(CLOSE.signedOut)
  const open = await inviteTo(tab, await room())
  await expect(connect(server, bob.cookie)).rejects.toThrow()
  for (const [token, cookie] of [
    [theirs.token, ''],
    [device.token, ''],
    [open.token, bob.cookie],
  ] as const) {
    expect((await postEnter(server, { token, name: 'Somebody else' }, { cookie })).status).toBe(410)
  }
  await tab.rpc.admin.updatePerson({ id: bob.person.id, disabled: false })
  await (await connect(server, bob.cookie)).close()
  expect((await postEnter(server, { token: theirs.token, name: 'Eve' })).status).toBe(200)
})

test('an invitation that was used up stays known for those who came by it, when expired things are forgotten', async () => {
  const id = await room()
  const link = await inviteTo(tab, id, { uses: 1 })
  const bob = await comeIn(server, link.token, 'Bob')
  await server.restart()
  tab = await connect(server, ada.cookie)
  expect(await (await reopen(link.token, bob)).json()).toEqual({ conversationId: id })
  await tab.rpc.link.revoke({ id: link.id, people: true })
  await eventually(async () => Object.keys(await rolesIn(id)).length === 1)
})
