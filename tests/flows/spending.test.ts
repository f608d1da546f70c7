import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { type Budget, newId, type Reply, type UsageRow } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually, within } from '../support/eventually.ts'
import { admit, comeIn, enter, type Entered, introduce, inviteTo } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

const AT_ONCE = 2
/** All of these tests are to be of one day of the server's. */
const TESTS_MS = 3 * 60_000
const NO_BOUND: Budget = {
  personDayTokens: null,
  roomDayTokens: null,
  serverDayTokens: null,
  guestsDayTokens: null,
  personMinuteRequests: null,
}
const AT_FIRST: Budget = { ...NO_BOUND, guestsDayTokens: 500_000 }

let emulator: Emulator
let postgres: Postgres
let server: TestServer
let owner: Entered
let member: Entered
let ada: TestClient
let bob: TestClient

beforeAll(async () => {
  const leftMs = midnight() - Date.now()
  if (leftMs < TESTS_MS) await Bun.sleep(leftMs)
  emulator = await startEmulator()
  postgres = await startPostgres()
  const env = {
    GEMINI_API_KEY: 'emulator',
    GEMINI_BASE_URL: emulator.url,
    DATABASE_URL: postgres.url,
    REPLIES_AT_ONCE: String(AT_ONCE),
  }
  server = await startServer({ env })
  owner = await enter(server)
  member = await introduce(postgres.url, owner, 'Bob')
  ada = await connect(server, owner.cookie)
  bob = await connect(server, member.cookie)
}, TESTS_MS + 60_000)

afterAll(async () => {
  expect(await server.stop()).toBe(0)
  await emulator.stop()
  await postgres.stop()
}, 30_000)

async function room(): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id })
  await admit(postgres.url, id, member)
  await ada.join(id)
  await bob.join(id)
  return id
}

async function ask(by: TestClient, conversationId: string, text: string): Promise<{ id: string; replyId: string }> {
  const ids = { id: newId(), replyId: newId() }
  await by.rpc.message.send({ ...ids, conversationId, text, kind: 'prompt' })
  return ids
}

async function end(by: TestClient, conversationId: string, text: string): Promise<Reply> {
  return (await ada.hearEnd((await ask(by, conversationId, text)).replyId)).row
}

async function rowOf(conversationId: string, id: string): Promise<Reply> {
  const { messages } = await ada.rpc.conversation.pull({ id: conversationId, since: 1, limit: 200 })
  const row = messages.find((message) => message.id === id)
  if (row?.kind !== 'reply') throw new Error('no such reply')
  return row
}

const asked = (mark: string) => emulator.requests.filter(({ prompt }) => prompt.includes(mark))
const midnight = () => new Date().setUTCHours(24, 0, 0, 0)
const sum = (rows: readonly { total: number }[]) => rows.reduce((total, row) => total + row.total, 0)

test('what is added up is what the provider has reported, for every way in which a reply ends', async () => {
  const rooms = [await room(), await room()] as const
  const mark = newId()
  for (const [by, name] of [
    [ada, 'Ada'],
    [bob, 'Bob'],
  ] as const) {
    for (const [index, id] of rooms.entries()) {
      for (const how of ['chunks=3', 'thoughts', 'error', 'end', 'cut', 'safety', 'blocked', '403']) {
        await end(by, id, `[[${how}]] ${mark} by ${name} in ${index}`)
      }
    }
  }
  // Stopped after what was heard by then, and gone on with by somebody else, who then asks for it.
  const { replyId } = await ask(ada, rooms[0], `[[hand]] ${mark} by Ada in 0`)
  const first = await emulator.next({ prompt: mark })
  await first.write('half of it ')
  await ada.hearText(replyId, (text) => text.includes('half'))
  const stopped = await bob.rpc.reply.stop({ id: replyId })
  let resumed = 0
  emulator.script.push(async (answer) => {
    resumed = answer.request.id
    await answer.write('and the rest')
    await answer.finish()
  })
  await bob.rpc.reply.resume({ id: replyId, revision: stopped.revision })
  const whole = await eventually(async () => [await rowOf(rooms[0], replyId)].find(({ state }) => state === 'complete'))
  expect(whole.askedBy?.name).toBe('Bob')

  /** Whose request it was, by the last of the prompts in it: those without an answer are asked again together. */
  const whose = ({ id, prompt }: { id: number; prompt: string }) => (id === resumed ? `by Bob in 0` : /by \w+ in \d$/.exec(prompt)?.[0])
  const { rows, resetAt } = await ada.rpc.usage.report({ days: 1 })
  expect(resetAt).toBe(midnight())
  for (const [index, id] of rooms.entries()) {
    for (const { person } of [owner, member]) {
      const usages = emulator.requests.flatMap((request) =>
        request.usage && whose(request) === `by ${person.name} in ${index}` ? [request.usage] : [],
      )
      expect(usages.length).toBeGreaterThan(5)
      const added = rows.filter((row) => row.conversation.id === id && row.person.id === person.id)
      expect(added.map(({ day, calls, prompt, output, total }) => ({ day, calls, prompt, output, total }))).toEqual([
        {
          day: new Date().toISOString().slice(0, 10),
          calls: usages.length,
          prompt: usages.reduce((all, usage) => all + usage.prompt, 0),
          output: usages.reduce((all, usage) => all + usage.output, 0),
          total: sum(usages),
        },
      ])
    }
  }
  expect(sum(rows)).toBe(sum(emulator.requests.flatMap(({ usage }) => usage ?? [])))
}, 60_000)

test('everybody sees what they have used, and the owner of the server what all have, but not what rooms of others are called', async () => {
  const secret = newId()
  await bob.rpc.conversation.create({ id: secret, title: 'Between Bob and Bob' })
  await bob.join(secret)
  await bob.hearEnd((await ask(bob, secret, '[[chunks=1]]')).replyId)
  const inSecret = (rows: readonly UsageRow[]) => rows.find(({ conversation }) => conversation.id === secret)
  const mine = (await bob.rpc.usage.report({ days: 366 })).rows
  expect(new Set(mine.map(({ person }) => person.name))).toEqual(new Set(['Bob']))
  expect(inSecret(mine)?.conversation.title).toBe('Between Bob and Bob')
  const all = await ada.rpc.usage.report({ days: 1 })
  expect(new Set(all.rows.map(({ person }) => person.name))).toEqual(new Set(['Ada', 'Bob']))
  expect(inSecret(all.rows)).toMatchObject({ person: { name: 'Bob' }, conversation: { title: '' } })
  expect(all).toMatchObject({ more: false, budget: AT_FIRST })
})

test('guests together are bounded before the owner says anything, and nobody else is', async () => {
  const { budget } = await ada.rpc.admin.overview({})
  expect(budget).toEqual(AT_FIRST)
  const id = await room()
  const { token } = await inviteTo(ada, id)
  const [gil, gus] = await Promise.all(['Gil', 'Gus'].map(async (name) => connect(server, (await comeIn(server, token, name)).cookie)))
  if (!gil || !gus) throw new Error('nobody came')
  const mark = newId()
  expect((await end(gil, id, '[[chunks=1]]')).state).toBe('complete')
  await ada.rpc.admin.setBudget({ ...NO_BOUND, guestsDayTokens: 1 })
  // What one of them has used the other has not, either.
  for (const by of [gil, gus])
    expect(await end(by, id, `[[chunks=1]] ${mark}`)).toMatchObject({
      failure: { code: 'budget_used_up', whose: 'guests', resetAt: midnight() },
    })
  expect(asked(mark)).toEqual([])
  for (const by of [ada, bob]) expect((await end(by, id, '[[chunks=1]]')).state).toBe('complete')
  await ada.rpc.admin.setBudget(NO_BOUND)
  for (const one of [gil, gus]) await one.close()
})

test('a person whose tokens of the day are used up is not asked for, hears until when, and the others go on', async () => {
  const id = await room()
  await end(bob, id, '[[chunks=1]]')
  await ada.rpc.admin.setBudget({ ...NO_BOUND, personDayTokens: 1 })
  const mark = newId()
  const refused = await end(bob, id, `[[chunks=1]] ${mark}`)
  expect(refused).toMatchObject({ state: 'failed', text: '', failure: { code: 'budget_used_up', whose: 'person', resetAt: midnight() } })
  expect(asked(mark)).toEqual([])
  expect((await bob.rpc.usage.report({ days: 1 })).budget.personDayTokens).toBe(1)
  // More for one of them.
  await ada.rpc.admin.updatePerson({ id: member.person.id, dayTokens: 2_000_000_000 })
  expect((await bob.rpc.usage.report({ days: 1 })).budget.personDayTokens).toBe(2_000_000_000)
  await bob.rpc.reply.resume({ id: refused.id, revision: refused.revision })
  await eventually(async () => (await rowOf(id, refused.id)).state === 'complete')
  expect(asked(mark)).toHaveLength(1)
  expect((await end(ada, id, `[[chunks=1]] ${newId()}`)).failure).toMatchObject({ whose: 'person' })
  await ada.rpc.admin.updatePerson({ id: member.person.id, dayTokens: null })
  await ada.rpc.admin.setBudget(NO_BOUND)
  expect((await end(ada, id, '[[chunks=1]]')).state).toBe('complete')
})

test('a room may be given less than the server gives to each, not more; none at all asks nothing', async () => {
  const [id, free] = [await room(), await room()]
  await ada.rpc.conversation.update({ id, dayTokens: 0 })
  const mark = newId()
  expect((await end(ada, id, `[[chunks=1]] ${mark}`)).failure).toMatchObject({ code: 'budget_used_up', whose: 'room' })
  expect((await end(ada, free, '[[chunks=1]]')).state).toBe('complete')
  await ada.rpc.admin.setBudget({ ...NO_BOUND, roomDayTokens: 1 })
  await ada.rpc.conversation.update({ id: free, dayTokens: 1_000_000 })
  expect((await end(bob, free, `[[chunks=1]] ${mark}`)).failure).toMatchObject({ whose: 'room' })
  expect(asked(mark)).toEqual([])
  await ada.rpc.admin.setBudget(NO_BOUND)
  await expect(bob.rpc.conversation.update({ id, dayTokens: null })).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('all together are given no more than the server has for a day, however many come in by an invitation', async () => {
  const id = await room()
  await end(ada, id, '[[chunks=1]]')
  await ada.rpc.admin.setBudget({ ...NO_BOUND, serverDayTokens: 1, personDayTokens: 1_000_000 })
  const { token } = await inviteTo(ada, id)
  const guest = await comeIn(server, token, 'Gil')
  const gil = await connect(server, guest.cookie)
  const mark = newId()
  for (const client of [gil, bob, ada]) {
    const refused = await end(client, id, `[[chunks=1]] ${mark}`)
    expect(refused).toMatchObject({ state: 'failed', failure: { code: 'budget_used_up', whose: 'server', resetAt: midnight() } })
  }
  expect(asked(mark)).toEqual([])
  await ada.rpc.admin.setBudget(NO_BOUND)
  expect((await end(gil, id, '[[chunks=1]]')).state).toBe('complete')
  await gil.close()
})

test('what is being written counts for whoever asks meanwhile: they wait, without a place, and what it has cost decides', async () => {
  const [one, two, three] = [await room(), await room(), await room()]
  const spent = async () => sum((await ada.rpc.usage.report({ days: 1 })).rows.filter(({ person }) => person.id === owner.person.id))
  const health = async () => (await ada.rpc.admin.overview({})).health
  const mark = newId()
  const writing = async () => {
    await ada.rpc.admin.updatePerson({ id: owner.person.id, dayTokens: (await spent()) + 50 })
    const { replyId } = await ask(ada, one, `[[hand]] ${mark}`)
    const answer = await emulator.next({ prompt: mark })
    await answer.write('x'.repeat(2_000))
    await ada.hearText(replyId, (text) => text.length === 2_000)
    return replyId
  }
  const first = await writing()
  const [refused, back] = [await ask(ada, two, `[[chunks=1]] ${mark} refused`), await ask(ada, three, `[[chunks=1]] ${mark} back`)]
  // There are two places, and what Bob asks has one of them.
  expect((await end(bob, await room(), '[[chunks=1]]')).state).toBe('complete')
  await eventually(async () => (await health()).running === 1)
  expect((await health()).queued).toBe(2)
  await ada.rpc.message.withdraw({ id: back.id })
  expect((await health()).queued).toBe(1)
  await ada.rpc.reply.stop({ id: first })
  const why = { code: 'budget_used_up', whose: 'person', resetAt: midnight() } as const
  expect((await ada.hearEnd(refused.replyId)).row).toMatchObject({ state: 'failed', failure: why })

  // More is given while it waits.
  const second = await writing()
  const later = await ask(ada, two, `[[chunks=1]] ${mark} later`)
  await eventually(async () => (await health()).queued === 1)
  await ada.rpc.admin.updatePerson({ id: owner.person.id, dayTokens: null })
  await ada.rpc.admin.setBudget(NO_BOUND)
  expect((await ada.hearEnd(later.replyId)).row.state).toBe('complete')
  await ada.rpc.reply.stop({ id: second })
  expect(asked(mark).map(({ prompt }) => prompt.split(' ').at(-1))).toEqual([mark, mark, 'later'])
})

test('of many who ask at once for the last of a budget one is let through for each place, and each end is waited for', async () => {
  const rooms = await Promise.all(Array.from({ length: 8 }, room))
  const used = sum((await ada.rpc.usage.report({ days: 1 })).rows)
  await ada.rpc.admin.setBudget({ ...NO_BOUND, serverDayTokens: used + 1 })
  const mark = newId()
  const ends = await Promise.all(rooms.map((id) => end(ada, id, `[[chunks=1]] ${mark}`)))
  expect(ends.filter(({ state }) => state === 'complete').length).toBe(1)
  expect(asked(mark).length).toBe(1)
  await ada.rpc.admin.setBudget(NO_BOUND)
})

test('whoever asks faster than they may waits and is told until when; the others do not; what waits can be taken back', async () => {
  const [one, two, three] = [await room(), await room(), await room()]
  const mark = newId()
  await end(bob, one, `[[chunks=1]] ${mark}`)
  await ada.rpc.admin.setBudget({ ...NO_BOUND, personMinuteRequests: 1 })
  const waiting = await ask(bob, two, `[[chunks=1]] waits ${mark}`)
  const back = await ask(bob, three, `[[chunks=1]] taken back ${mark}`)
  for (const { replyId } of [waiting, back]) {
    const frame = await bob.hear(
      (heard) => heard[0] === 'message' && heard[1].id === replyId && 'retryAt' in heard[1] && heard[1].retryAt !== null,
    )
    const row = frame[0] === 'message' && frame[1].kind === 'reply' ? frame[1] : null
    expect(row).toMatchObject({ state: 'queued', failure: null })
    expect(row?.retryAt).toBeGreaterThan(Date.now() + 1_000)
    expect(row?.retryAt).toBeLessThan(Date.now() + 61_000)
  }
  const health = async () => (await ada.rpc.admin.overview({})).health
  expect(await health()).toMatchObject({ running: 0, queued: 2 })
  await bob.rpc.message.withdraw({ id: back.id })
  expect(await health()).toMatchObject({ running: 0, queued: 1 })
  // A room is not held up by what was taken back in it.
  const next = await ask(bob, three, `[[chunks=1]] next ${mark}`)
  expect(await bob.rpc.reply.stop({ id: next.replyId })).toMatchObject({ state: 'stopped', stoppedBy: { name: 'Bob' } })
  await ada.rpc.admin.setBudget(NO_BOUND)
  expect((await ada.hearEnd(waiting.replyId)).row).toMatchObject({ state: 'complete', retryAt: null, failure: null })
  expect(asked(mark).map(({ prompt }) => prompt.split(' ')[1])).toEqual([mark, 'waits'])
}, 30_000)

test('so many replies at once over all rooms; somebody with one question does not wait for all of somebody else', async () => {
  const rooms = await Promise.all(Array.from({ length: 7 }, room))
  const mark = newId()
  for (const [index, id] of rooms.slice(0, -1).entries()) await ask(ada, id, `[[hand]] ${mark} Ada ${index}`)
  const running = [await emulator.next({ prompt: mark }), await emulator.next({ prompt: mark })]
  await ask(bob, rooms.at(-1) ?? '', `[[hand]] ${mark} Bob`)
  expect((await ada.rpc.admin.overview({})).health).toMatchObject({ running: AT_ONCE, queued: 5 })
  const order: string[] = []
  for (let index = 0; index < rooms.length; index++) {
    const answer = running.shift()
    if (!answer) throw new Error('nothing runs')
    order.push(answer.request.prompt.split(' ')[2] ?? '')
    await answer.write('done')
    await answer.finish()
    if (index < rooms.length - AT_ONCE) running.push(await emulator.next({ prompt: mark }))
    const open = emulator.requests.filter(({ prompt, finished }) => prompt.includes(mark) && !finished)
    expect(open.length).toBeLessThanOrEqual(AT_ONCE)
  }
  expect(order).toHaveLength(7)
  // Two of Ada's run before Bob comes; of those that wait then, one of hers is first and his is next.
  expect(order.indexOf('Bob')).toBe(3)
}, 30_000)

test('what waits for a place asks after a kill -9, once, and what was said before it is paid for', async () => {
  const rooms = await Promise.all(Array.from({ length: 3 }, room))
  const mark = newId()
  const replies: { replyId: string }[] = []
  for (const [index, id] of rooms.entries()) replies.push(await ask(ada, id, `[[hand]] ${mark} ${index}`))
  // The two that run are in rooms of their own: either may reach the model first.
  const before = [await emulator.next({ prompt: `${mark} 0` }), await emulator.next({ prompt: `${mark} 1` })]
  expect(asked(mark)).toHaveLength(AT_ONCE)
  // What the two that were running have said by now, they have cost.
  for (const [index, running] of before.entries()) {
    await running.write(`said by ${index} `)
    await ada.hearText(replies[index]?.replyId ?? '', (text) => text !== '')
  }
  await server.restart()
  const answer = await emulator.next({ prompt: mark })
  await answer.write('after all')
  await answer.finish()
  ada = await connect(server, owner.cookie)
  bob = await connect(server, member.cookie)
  const last = answer.request.prompt.split(' ')[2]
  expect(last).toBe('2')
  await eventually(async () => (await rowOf(rooms[2] ?? '', replies[2]?.replyId ?? '')).state === 'complete')
  expect((await rowOf(rooms[0] ?? '', replies[0]?.replyId ?? '')).state).toBe('interrupted')
  expect(asked(mark)).toHaveLength(3)
  const { rows } = await ada.rpc.usage.report({ days: 1 })
  for (const [index, { request }] of before.entries()) {
    expect(rows.find(({ conversation }) => conversation.id === rooms[index])).toMatchObject({ calls: 1, ...request.usage })
  }
}, 30_000)

test('guests ask where they may, and write notes everywhere', async () => {
  const id = await room()
  const guest = await introduce(postgres.url, owner, 'Gus', 'guest')
  await admit(postgres.url, id, guest)
  const gus = await connect(server, guest.cookie)
  expect((await end(gus, id, '[[chunks=1]]')).askedBy?.name).toBe('Gus')
  const failed = await end(ada, id, '[[403]]')
  await ada.rpc.conversation.update({ id, guestsAsk: false })
  const refused = { code: 'FORBIDDEN', data: { reason: 'guest' } }
  await expect(ask(gus, id, '[[chunks=1]] not here')).rejects.toMatchObject(refused)
  await expect(gus.rpc.reply.resume({ id: failed.id, revision: failed.revision })).rejects.toMatchObject(refused)
  await gus.rpc.message.send({ id: newId(), conversationId: id, text: 'a note', kind: 'note', replyId: newId() })
  expect(asked('not here')).toEqual([])
  await gus.close()
})

test('the owner of the server sees who there is and how much, never what is written, and nobody else sees that', async () => {
  const id = await room()
  await ada.rpc.conversation.update({ id, title: 'A secret title' })
  await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'a secret text', kind: 'note', replyId: newId() })
  const overview = await ada.rpc.admin.overview({})
  expect(overview.rooms.find((row) => row.id === id)).toMatchObject({ people: 2, messages: 1, owner: { name: 'Ada' }, tokensToday: 0 })
  const bobs = overview.people.find(({ person }) => person.id === member.person.id)
  expect(bobs).toMatchObject({
    person: { name: 'Bob', kind: 'member' },
    disabled: false,
    rooms: (await bob.rpc.conversation.list({})).conversations.length,
    dayTokens: null,
    sessions: [{}],
  })
  expect(bobs?.tokensToday).toBe(sum((await bob.rpc.usage.report({ days: 1 })).rows))
  expect(overview.health).toMatchObject({ database: 'postgres', demo: false, running: 0, queued: 0 })
  expect(JSON.stringify(overview)).not.toContain('secret')
  const refused = { code: 'FORBIDDEN', data: { reason: 'owner' } }
  const { admin } = bob.rpc
  const attempts = [
    () => admin.overview({}),
    () => admin.setBudget(NO_BOUND),
    () => admin.updatePerson({ id: owner.person.id, disabled: true }),
    () => admin.revokeSession({ id: newId() }),
    () => admin.revokeLink({ id: newId() }),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(refused)
})

test('a disabled person is out at once and stays out until they are enabled again; what they asked is not asked for', async () => {
  const id = await room()
  const mark = newId()
  const running = await ask(ada, id, `[[hand]] ${mark}`)
  const answer = await emulator.next({ prompt: mark })
  const waiting = await ask(bob, id, `[[chunks=1]] ${mark}`)
  await ada.rpc.admin.updatePerson({ id: member.person.id, disabled: true })
  expect((await within(bob.closed, 1_000, 'The end of the socket')).code).toBe(4401)
  await expect(connect(server, member.cookie)).rejects.toThrow()
  await answer.finish()
  await ada.hearEnd(running.replyId)
  expect((await ada.hearEnd(waiting.replyId)).row).toMatchObject({ state: 'failed', failure: { code: 'budget_used_up', whose: 'person' } })
  expect(asked(mark)).toHaveLength(1)
  await ada.rpc.admin.updatePerson({ id: member.person.id, disabled: false })
  bob = await connect(server, member.cookie)
  await expect(ada.rpc.admin.updatePerson({ id: owner.person.id, disabled: true })).rejects.toMatchObject({
    code: 'FORBIDDEN',
    data: { reason: 'last_owner' },
  })
  await expect(ada.rpc.admin.updatePerson({ id: newId(), disabled: true })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    data: { what: 'person' },
  })
})

test('a session that the owner revokes is closed at once, and a link opens nothing', async () => {
  const sql = new SQL(postgres.url, { max: 1 })
  const linkId = newId()
  await sql`insert into link (id, token_hash, kind, uses_left, expires_at) values (${linkId}, ${newId()}, 'claim', 1, now() + interval '1 hour')`
  const { people, links } = await ada.rpc.admin.overview({})
  expect(links.map(({ id }) => id)).toContain(linkId)
  await ada.rpc.admin.revokeLink({ id: linkId })
  expect((await ada.rpc.admin.overview({})).links.map(({ id }) => id)).not.toContain(linkId)
  await sql.close()
  const [session] = people.find(({ person }) => person.id === member.person.id)?.sessions ?? []
  await ada.rpc.admin.revokeSession({ id: session?.id ?? '' })
  expect((await within(bob.closed, 1_000, 'The end of the socket')).code).toBe(4401)
  await expect(connect(server, member.cookie)).rejects.toThrow()
  // Revoking what is gone changes nothing.
  await ada.rpc.admin.revokeSession({ id: session?.id ?? '' })
  await ada.rpc.admin.revokeLink({ id: newId() })
})
