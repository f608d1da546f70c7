import { afterAll, beforeAll, expect, test } from 'bun:test'
import { CLOSE, HEARTBEAT, LIMITS, type Message, newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { calmly } from '../support/calmly.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually, within } from '../support/eventually.ts'
import { memoryMb } from '../support/memory.ts'
import { enter, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { stallReaders } from '../support/stalled-readers.ts'

let emulator: Emulator
let postgres: Postgres
let server: TestServer
let cookie = ''
/** Of the person who does not keep to the limits. */
let rude = ''
let healthy: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  postgres = await startPostgres()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url } })
  const ada = await enter(server)
  cookie = ada.cookie
  rude = (await introduce(postgres.url, ada, 'Bob')).cookie
  healthy = await connect(server, cookie)
}, 60_000)

afterAll(async () => {
  expect(await server.stop()).toBe(0)
  await emulator.stop()
  await postgres.stop()
}, 30_000)

type Refusal = { code: string; data: { retryAfterMs: number; limit: number } }
const refusalOf = (call: Promise<unknown>): Promise<Refusal | null> =>
  call.then(
    () => null,
    // What a call of the typed client rejects with; a closed socket has no code.
    (error) => ('code' in error ? (error as Refusal) : null),
  )

/** Calls, one after the other, until the server has had enough. */
async function pester(client: TestClient): Promise<{ taken: number; refused: Refusal[] }> {
  let taken = 0
  const refused: Refusal[] = []
  while (client.socket.readyState === WebSocket.OPEN && taken < 2_000) {
    const answer = await refusalOf(client.rpc.session.me({}))
    if (answer) refused.push(answer)
    else taken++
  }
  return { taken, refused }
}

test('a socket that calls too often is told when to come again, then closed; the others do not notice', async () => {
  const greedy = await connect(server, rude)
  const { taken, refused } = await pester(greedy)
  expect((await within(greedy.closed, 5_000, 'The end of the greedy socket')).code).toBe(CLOSE.tooMany)
  expect(taken).toBeGreaterThanOrEqual(300)
  expect(taken).toBeLessThan(1_000)
  expect(refused.length).toBeGreaterThanOrEqual(50)
  for (const { code, data } of refused)
    expect([code, data.retryAfterMs >= 250 && data.retryAfterMs <= 1_000]).toEqual(['RATE_LIMITED', true])
  expect((await healthy.rpc.session.me({})).person.name).toBe('Ada')
}, 30_000)

test('a socket that waits as long as it is told to is served again', async () => {
  const eager = await connect(server, cookie)
  const burst = async () => {
    for (;;) {
      const refused = await refusalOf(eager.rpc.session.me({}))
      if (refused) return refused
    }
  }
  const { data } = await burst()
  const until = performance.now() + data.retryAfterMs + 10
  await eventually(() => performance.now() > until)
  expect((await eager.rpc.session.me({})).person.name).toBe('Ada')
  await eager.close()
}, 30_000)

test('many sockets of one person together have a limit, too', async () => {
  const sockets = await Promise.all(Array.from({ length: 12 }, () => connect(server, rude)))
  const all = await Promise.all(sockets.map(pester))
  const taken = all.reduce((sum, one) => sum + one.taken, 0)
  for (const socket of sockets) expect((await within(socket.closed, 5_000, 'The end of a socket')).code).toBe(CLOSE.tooMany)
  // Twelve times the burst of one socket would be 3,600.
  expect(taken).toBeLessThan(3_500)
  expect((await healthy.rpc.session.me({})).person.name).toBe('Ada')
}, 30_000)

test('heartbeats by the thousand are a flood like any other', async () => {
  const client = await connect(server, rude)
  for (let index = 0; index < 5_000; index++) client.sendRaw(HEARTBEAT.ping)
  expect((await within(client.closed, 5_000, 'The end of the socket')).code).toBe(CLOSE.tooMany)
})

test('a socket joins so many rooms and no more, and may leave one for another', async () => {
  const client = await connect(server, cookie)
  const ids = Array.from({ length: LIMITS.roomsPerSocket + 1 }, () => newId())
  for (const id of ids) await calmly(() => client.rpc.conversation.create({ id }))
  for (const id of ids.slice(0, -1)) await calmly(() => client.rpc.conversation.join({ id, since: 0, limit: 1 }))
  const last = ids.at(-1) ?? ''
  const refused = await refusalOf(client.rpc.conversation.join({ id: last, since: 0, limit: 1 }))
  expect(refused).toMatchObject({ code: 'BUSY', data: { limit: LIMITS.roomsPerSocket } })
  // Joining again what it has joined takes no further place.
  await client.rpc.conversation.join({ id: ids[0] ?? '', since: 0, limit: 1 })
  await client.rpc.conversation.leave({ id: ids[0] ?? '' })
  await client.rpc.conversation.join({ id: last, since: 0, limit: 1 })
  await client.close()
}, 30_000)

test('so many replies of a room wait and no more; notes go on; there is a place again when one has ended', async () => {
  const client = await connect(server, cookie)
  const conversationId = newId()
  await client.rpc.conversation.create({ id: conversationId })
  await client.join(conversationId)
  const send = (text: string, kind: 'prompt' | 'note' = 'prompt', replyId = newId()) =>
    client.rpc.message.send({ id: newId(), conversationId, text, kind, replyId })
  const first = newId()
  await send('[[hand]] holds the queue', 'prompt', first)
  const answer = await emulator.next({ prompt: 'holds the queue' })
  for (let index = 1; index < LIMITS.queuedReplies; index++) await send(`[[chunks=1 every=1]] ${index}`)
  expect(await refusalOf(send('one too many'))).toMatchObject({ code: 'BUSY', data: { limit: LIMITS.queuedReplies } })
  await send('for people', 'note')
  await answer.write('done')
  await answer.finish()
  await client.hearEnd(first)
  await send('[[chunks=1 every=1]] has a place')
  await client.close()
}, 30_000)

const call = (path: string, json: unknown) => (index: number) => JSON.stringify({ i: `x${index}`, p: { u: path, b: { json } } })
const floods: [name: string, count: number, frame: (index: number) => string][] = [
  ['calls', 400, call('/conversation/list', {})],
  ['calls as large as they may be', 40, call('/nothing', 'x'.repeat(LIMITS.frameBytes - 100))],
  ['calls that are wrong', 400, call('/message/send', { id: 7 })],
]
for (const [name, count, frameOf] of floods) {
  const frames = Array.from({ length: count }, (_, index) => frameOf(index))
  test(`a flood of ${name}, whose sender comes back again and again, costs the server no memory and the others little time`, async () => {
    const before = memoryMb(server.pid)
    let peak = before
    const endAt = performance.now() + 3_000
    const codes = new Map<number, number>()
    const flood = async () => {
      while (performance.now() < endAt) {
        const client = await connect(server, rude)
        for (const frame of frames) client.sendRaw(frame)
        const { code } = await within(client.closed, 10_000, 'The end of the flooding socket')
        codes.set(code, (codes.get(code) ?? 0) + 1)
      }
    }
    const times: number[] = []
    const live = async () => {
      while (performance.now() < endAt) {
        const start = performance.now()
        await healthy.rpc.session.me({})
        times.push(performance.now() - start)
        peak = Math.max(peak, memoryMb(server.pid))
        await Bun.sleep(25)
      }
    }
    await Promise.all([flood(), live()])
    const p99 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
    console.log(
      `${name}: closed ${JSON.stringify(Object.fromEntries(codes))}, others p99 ${p99.toFixed(1)} ms, memory +${(peak - before).toFixed(0)} MB`,
    )
    for (const code of codes.keys()) expect<number[]>([CLOSE.tooMany, CLOSE.malformed]).toContain(code)
    expect(times.length).toBeGreaterThan(20)
    expect(peak - before).toBeLessThan(100)
  }, 30_000)
}

const STALLED = 120
const RECOVERED = 20

test(`${STALLED} readers that read no more are closed, the others hear everything, and whoever reconnects is whole again`, async () => {
  const conversationId = newId()
  await healthy.rpc.conversation.create({ id: conversationId })
  await healthy.join(conversationId)
  const writer = await connect(server, cookie)
  const stalled = await stallReaders({ server, cookie, conversationId, count: STALLED })
  const sent: string[] = []
  // About eight megabytes: more than the kernel keeps for a reader, and the server after that.
  for (let index = 0; index < 45; index++) {
    const id = newId()
    const text = `${index} ${'界'.repeat(60_000)}`
    await calmly(() => writer.rpc.message.send({ id, conversationId, text, kind: 'note', replyId: newId() }))
    sent.push(id)
  }
  const last = sent.at(-1)
  await healthy.hear((frame) => frame[0] === 'message' && frame[1].id === last, 20_000)
  const heard = healthy.frames.flatMap((frame) => (frame[0] === 'message' && sent.includes(frame[1].id) ? [frame[1].id] : []))
  expect(heard).toEqual(sent)
  stalled.wake()
  await eventually(() => stalled.closed === STALLED, 20_000)
  const whole = await transcript(healthy, conversationId)
  expect(whole.map(({ id }) => id)).toEqual(sent)
  const hash = hashOf(whole)
  for (let index = 0; index < RECOVERED; index++) {
    const again = await connect(server, cookie)
    await calmly(() => again.join(conversationId))
    expect(hashOf(await transcript(again, conversationId))).toBe(hash)
    await again.close()
  }
  stalled.end()
  await writer.close()
}, 90_000)

async function transcript(client: TestClient, id: string): Promise<Message[]> {
  const rows: Message[] = []
  for (let since = 0; ;) {
    const page = since === 0 ? null : await calmly(() => client.rpc.conversation.pull({ id, since, limit: 200 }))
    rows.push(...(page?.messages ?? []))
    // `since` 0 means the newest page, so the walk begins at 1: the room itself.
    since = page?.revision ?? 1
    if (page && !page.more) return rows
  }
}

function hashOf(rows: readonly Message[]): string {
  return new Bun.CryptoHasher('sha256').update(JSON.stringify(rows)).digest('hex')
}

test('a flood of cookies that nobody has does not become a flood of questions to the database, and keeps nobody else out', async () => {
  const [name] = cookie.split('=')
  const statuses = new Map<number, number>()
  const stranger = async (path: string) => {
    const headers = { cookie: `${name}=${newToken()}`, origin: new URL(server.url).origin }
    const { status, headers: said } = await fetch(new URL(path, server.url), { headers, redirect: 'manual' })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status === 429) expect(Number(said.get('retry-after'))).toBeGreaterThan(0)
    return status
  }
  const asWhom = async (who: string) => (await fetch(server.url, { headers: { cookie: who }, redirect: 'manual' })).status
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => stranger(['/', `/c/${newId()}`, '/rpc'][index % 3] ?? '/')))
  }
  expect(await asWhom(cookie)).toBe(200)
  await (await connect(server, cookie)).close()
  // Whoever comes in by a link is no stranger either.
  expect(await asWhom((await enter(server)).cookie)).toBe(200)
  console.log(`1500 cookies: ${JSON.stringify(Object.fromEntries(statuses))}`)
  expect([...statuses.keys()].sort()).toEqual([303, 401, 429])
  expect(statuses.get(429)).toBeGreaterThan(1_300)
  // That nobody is asked can be seen where nobody answers.
  postgres.signal('SIGSTOP')
  try {
    expect(await within(stranger('/'), 1_000, 'The answer to a stranger')).toBe(429)
  } finally {
    postgres.signal('SIGCONT')
  }
}, 60_000)
