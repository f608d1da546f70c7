import { afterAll, beforeAll, expect, test } from 'bun:test'
import { CLOSE, HEARTBEAT, LIMITS, newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { within } from '../support/eventually.ts'
import { type Kind, malformedFrames, type Specimen } from '../support/malformed-frames.ts'
import { memoryMb } from '../support/memory.ts'
import { type Entered, enter, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { MARK, RawSocket } from '../support/raw-socket.ts'
import { startServer, type TestServer } from '../support/server.ts'

const FRAMES = 100_000
/** So many that none of them calls too often. */
const PEOPLE = 60
/** Sockets at once. */
const LANES = 30
/** Sent in one write, below the number of calls that may be unanswered. */
const TOGETHER = 8
/** Below what a socket may send at once. */
const PER_SOCKET = 200
/** From a quarter of the frames to all of them. */
const GROWTH_MB = 64
/** Those of RFC 6455 for a broken protocol, for text that is none and for a frame too big, ours, and none where the bytes left no time for one. */
const CODES = ['1002', '1007', '1009', String(CLOSE.malformed), String(CLOSE.tooMany), 'null']

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
    ['/conversation/list', { since: 'x'.repeat(81) }],
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

type Flood = {
  /** The next specimen; null: there are no more. */
  take(): Specimen | null
  read(kind: Kind): void
  ended(code: number | null): void
}

/** Sends specimens over one socket after another. Behind each goes a mark, whose answer says that it was read; what was not goes over the next. */
async function sendMalformed(cookies: readonly string[], flood: Flood): Promise<void> {
  const waiting: Specimen[] = []
  for (let turn = 0; ; turn++) {
    const socket = await RawSocket.open(server, cookies[turn % cookies.length] ?? '')
    for (let read = 0; read < PER_SOCKET;) {
      while (waiting.length < TOGETHER) {
        const next = flood.take()
        if (!next) break
        waiting.push(next)
      }
      if (waiting.length === 0) return socket.end()
      const count = waiting.length
      socket.write(Buffer.concat(waiting.flatMap(({ bytes }) => [bytes, MARK])))
      await within(socket.answered(read + count), 20_000, 'An answer or the end of the socket')
      const answered = socket.marks - read
      for (const { kind } of waiting.splice(0, answered)) flood.read(kind)
      read += answered
      if (answered === count) continue
      const { code } = await within(socket.ended, 20_000, 'The end of the socket')
      flood.ended(code)
      // It was the first on its socket: no other can have been the reason.
      const [reason] = read === 0 && code !== CLOSE.tooMany ? waiting.splice(0, 1) : []
      if (reason) flood.read(reason.kind)
      break
    }
    socket.end()
  }
}

test(`${FRAMES} malformed frames close their own sockets at most, and the server stays as it was`, async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  console.log(`seed ${seed}`)
  const people: Entered[] = []
  for (let from = 0; from < PEOPLE; from += 10) {
    people.push(...(await Promise.all(Array.from({ length: 10 }, (_, index) => introduce(postgres.url, ada, `Person ${from + index}`)))))
  }
  const specimens = malformedFrames(seed)
  const codes = new Map<string, number>()
  const kinds = new Map<Kind, number>()
  const memory = { early: 0 }
  let taken = 0
  let read = 0
  const flood: Flood = {
    take: () => (taken++ < FRAMES ? specimens.next().value : null),
    read(kind) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      if (++read === FRAMES / 4) memory.early = memoryMb(server.pid)
    },
    ended: (code) => void codes.set(String(code), (codes.get(String(code)) ?? 0) + 1),
  }
  let longestMs = 0
  const sending = { over: false }
  const wellBehaved = async () => {
    while (!sending.over) {
      const start = performance.now()
      expect((await healthy.rpc.session.me({})).person.name).toBe('Ada')
      longestMs = Math.max(longestMs, performance.now() - start)
      await Bun.sleep(25)
    }
  }
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    sendMalformed(
      people.filter((_, index) => index % LANES === lane).map((person) => person.cookie),
      flood,
    ),
  )
  await Promise.all([Promise.all(lanes).finally(() => (sending.over = true)), wellBehaved()])
  const grown = memoryMb(server.pid) - memory.early
  console.log(
    `${JSON.stringify(Object.fromEntries(kinds))}; closed ${JSON.stringify(Object.fromEntries(codes))}; others waited ${longestMs.toFixed(0)} ms at most; memory ${memory.early.toFixed(0)} MB, at the end ${grown.toFixed(0)} MB more`,
  )
  expect(read).toBe(FRAMES)
  for (const code of codes.keys()) expect(CODES).toContain(code)
  expect(longestMs).toBeLessThan(5_000)
  expect(grown).toBeLessThan(GROWTH_MB)
  expect(server.logs()).not.toContain('call.failed')
  expect(server.logs()).not.toContain('unhandled')
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
