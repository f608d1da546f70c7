import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ORPCError } from '@orpc/client'
import fc from 'fast-check'
import { CLOSE, HEARTBEAT, LIMITS, newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { within } from '../support/eventually.ts'
import { type Entered, enter, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

const FRAMES = 10_000
const AT_ONCE = 20
/** So many that none of them calls too often. */
const PEOPLE = 20

let postgres: Postgres
let server: TestServer
let ada: Entered
let cookie = ''
let healthy: TestClient

beforeAll(async () => {
  postgres = await startPostgres()
  server = await startServer({ env: { DATABASE_URL: postgres.url } })
  ada = await enter(server)
  cookie = ada.cookie
  healthy = await connect(server, cookie)
}, 60_000)

afterAll(async () => {
  expect(await server.stop()).toBe(0)
  await postgres.stop()
}, 30_000)

/** Frames as no client of ours sends them: near misses of oRPC's, of ours, JSON of any kind, text of any kind, bytes. */
const malformed = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.json({ maxDepth: 6 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(
    '',
    '{',
    '[',
    '[]',
    '["message"]',
    'null',
    '42',
    '"p"',
    '{"i":"1"}',
    '{"i":1,"p":{}}',
    '{"i":"1","t":4}',
    '{"i":"1","t":99,"p":{}}',
    'pp',
    'q',
    '\0',
  ),
  fc
    .record({
      i: fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
      t: fc.option(fc.integer({ min: -1, max: 9 }), { nil: undefined }),
      p: fc.option(
        fc.record({
          u: fc.oneof(
            fc.string(),
            fc.constantFrom(
              '/session/me',
              '/constructor',
              '/__proto__',
              '/conversation',
              '//evil.example',
              '/conversation/join/../../x',
              'http://[::1',
              '/%ff',
            ),
          ),
          m: fc.option(fc.constantFrom('GET', 'DELETE', 'x y', ''), { nil: undefined }),
          h: fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined }),
          b: fc.option(fc.oneof(fc.jsonValue(), fc.record({ json: fc.jsonValue(), meta: fc.jsonValue() })), { nil: undefined }),
        }),
        { nil: undefined },
      ),
    })
    .map((frame) => JSON.stringify(frame)),
)

test('one malformed frame closes that socket with 1003 and nothing else happens', async () => {
  const bad = await connect(server, cookie)
  bad.sendRaw('{nope')
  expect((await within(bad.closed, 5_000, 'The end of the socket')).code).toBe(CLOSE.malformed)
  await healthy.rpc.session.me({})
})

test('a frame over the limit is refused, one below it is read', async () => {
  const bad = await connect(server, cookie)
  bad.sendRaw(`{"i":"1","p":{"u":"/session/me","b":{"json":{"x":"${'x'.repeat(LIMITS.frameBytes)}"}}}}`)
  const { code } = await within(bad.closed, 5_000, 'The end of the socket')
  expect([1006, 1009]).toContain(code)
  const conversationId = newId()
  await healthy.rpc.conversation.create({ id: conversationId })
  const longest = '\u0001'.repeat(LIMITS.messageLength)
  const { message } = await healthy.rpc.message.send({ id: newId(), conversationId, text: longest, kind: 'note', replyId: newId() })
  expect(message.text).toBe(longest)
})

test('unknown procedures and wrong inputs are refused with a type, and the socket lives', async () => {
  const call = (url: string, body: unknown) => rawCall(healthy, url, body)
  for (const url of ['/nothing', '/session', '/constructor', '/__proto__/x', '/session/me/more', '/toString']) {
    expect((await call(url, {})).s).toBe(404)
  }
  const id = newId()
  const wrong: [string, unknown][] = [
    ['/conversation/join', {}],
    ['/conversation/join', { id: 'x', since: 0, limit: 50 }],
    ['/conversation/join', { id, since: -1, limit: 50 }],
    ['/conversation/join', { id, since: 0, limit: 100_000 }],
    ['/conversation/join', { id, since: 0.5, limit: 1 }],
    ['/conversation/create', { id, title: 7 }],
    ['/conversation/create', { id, surprise: true }],
    ['/message/send', { id, conversationId: id, text: '', kind: 'prompt', replyId: id }],
    ['/message/send', { id, conversationId: id, text: 'x'.repeat(LIMITS.messageLength + 1), kind: 'prompt', replyId: id }],
    ['/message/send', { id, conversationId: id, text: 'x', kind: 'reply', replyId: id }],
    ['/reply/stop', null],
    ['/conversation/list', { since: 'x'.repeat(65) }],
  ]
  for (const [url, body] of wrong) expect([url, body, (await call(url, body)).s]).toEqual([url, body, 400])
  await healthy.rpc.session.me({})
})

test('a socket that leaves too many calls open is closed, and only that one', async () => {
  const greedy = await connect(server, cookie)
  for (let index = 0; index < LIMITS.callsInFlight * 40; index++) {
    greedy.sendRaw(JSON.stringify({ i: `x${index}`, p: { u: '/conversation/list', b: { json: {} } } }))
  }
  expect((await within(greedy.closed, 10_000, 'The end of the greedy socket')).code).toBe(CLOSE.tooMany)
  await healthy.rpc.session.me({})
})

test('a client of an older wire is told to reload', async () => {
  const old = await connect(server, cookie, { wire: 0 })
  expect((await within(old.closed, 5_000, 'The end of the old socket')).code).toBe(CLOSE.outdated)
})

test('the heartbeat is answered outside of oRPC', async () => {
  const { socket } = healthy
  const { promise, resolve } = Promise.withResolvers<void>()
  const listen = (event: MessageEvent) => event.data === HEARTBEAT.pong && resolve()
  socket.addEventListener('message', listen)
  socket.send(HEARTBEAT.ping)
  await within(promise, 5_000, 'The pong')
  socket.removeEventListener('message', listen)
})

test(`${FRAMES} malformed frames close their own sockets at most, with a code that says so`, async () => {
  const seed = Date.now() % 1_000_000
  console.log(`seed ${seed}`)
  const frames = fc.sample(malformed, { numRuns: FRAMES, seed })
  const people = await Promise.all(Array.from({ length: PEOPLE }, (_, index) => introduce(postgres.url, ada, `Person ${index}`)))
  const codes = new Map<number, number>()
  for (let from = 0; from < frames.length; from += AT_ONCE) {
    await Promise.all(
      // Each has a socket of its own: behind the first malformed frame nothing is read any more.
      frames.slice(from, from + AT_ONCE).map(async (frame, index) => {
        const client = await connect(server, people[index % PEOPLE]?.cookie ?? '')
        client.sendRaw(typeof frame === 'string' ? frame : new Uint8Array(frame))
        const alive = client.rpc.session.me({}).then(
          () => null,
          // A refusal is an answer: the frame may have had the number of this call.
          (error: unknown) => (error instanceof ORPCError ? null : client.closed),
        )
        const closed = await within(alive, 10_000, 'An answer or the end of the socket')
        if (closed) codes.set(closed.code, (codes.get(closed.code) ?? 0) + 1)
        else await client.close()
      }),
    )
  }
  console.log(`close codes ${JSON.stringify(Object.fromEntries(codes))}`)
  for (const code of codes.keys()) expect([CLOSE.malformed, 1007]).toContain(code)
  expect((await healthy.rpc.session.me({})).person.name).toBe('Ada')
  expect((await fetch(new URL('/healthz', server.url))).status).toBe(200)
}, 120_000)

/** A call outside of the typed client; answers the raw status. */
async function rawCall(client: TestClient, url: string, json: unknown): Promise<{ s?: number }> {
  const id = `raw-${newId()}`
  const { promise, resolve } = Promise.withResolvers<{ s?: number }>()
  const listen = (event: MessageEvent) => {
    if (typeof event.data !== 'string' || !event.data.includes(id)) return
    const frame: { i: string; p: { s?: number } } = JSON.parse(event.data)
    resolve(frame.p)
  }
  client.socket.addEventListener('message', listen)
  client.socket.send(JSON.stringify({ i: id, p: { u: url, b: { json } } }))
  const answer = await within(promise, 5_000, `The answer of ${url}`)
  client.socket.removeEventListener('message', listen)
  return answer
}
