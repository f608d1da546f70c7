import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { SQL } from 'bun'
import { newId } from '#contract'
import { connect } from '../support/client.ts'
import { within } from '../support/eventually.ts'
import { enter, freshLink, postEnter, spend } from '../support/people.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

const CANARY = 'canary-key-3f9a'

let postgres: Postgres
let server: TestServer
let sql: SQL

beforeAll(async () => {
  postgres = await startPostgres()
  const url = await postgres.createDatabase()
  sql = new SQL(url, { max: 1 })
  server = await startServer({ env: { DATABASE_URL: url, GEMINI_API_KEY: CANARY, GEMINI_BASE_URL: 'http://127.0.0.1:9' } })
}, 60_000)

afterAll(async () => {
  await sql.close()
  await server.stop()
  await postgres.stop()
}, 30_000)

/** Somebody else with a session, made past every door. */
async function stranger(): Promise<string> {
  const id = newId()
  const token = 'S'.repeat(43)
  const hash = createHash('sha256').update(token).digest('hex')
  await sql`insert into person (id, name, kind) values (${id}, 'Eve', 'guest')`
  await sql`insert into session (id, token_hash, person_id, expires_at) values (${newId()}, ${hash}, ${id}, now() + interval '1 day')`
  return `confab${server.port}=${token}`
}

async function owners(): Promise<number> {
  const [row] = await sql`select count(*)::int as n from person where kind = 'owner'`
  return row.n
}

test('nobody gets in without the link: pages lead to the entrance, the socket refuses', async () => {
  for (const path of ['/', `/c/${newId()}`]) {
    const answer = await fetch(new URL(path, server.url), { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/enter'])
  }
  await expect(connect(server, '')).rejects.toThrow()
  await expect(connect(server, `confab${server.port}=${'x'.repeat(43)}`)).rejects.toThrow()
  expect((await upgrade({ origin: server.url })).status).toBe(401)
})

test('a link is spent once, by one of many who open it in the same moment', async () => {
  const token = new URL(await server.claimLink()).hash.slice(1)
  expect((await postEnter(server, { token })).status).toBe(422)
  const answers = await Promise.all(Array.from({ length: 15 }, () => postEnter(server, { token, name: 'Ada' })))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 14 }, () => 410)])
  expect(await owners()).toBe(1)
  const replay = await postEnter(server, { token, name: 'Eve' })
  const unknown = await postEnter(server, { token: 'x'.repeat(43), name: 'Eve' })
  expect([replay.status, await replay.text()]).toEqual([unknown.status, await unknown.text()])
  // So many attempts from one address would have the next tests refused.
  await server.restart()
}, 30_000)

test('two different links opened in the same moment make one owner', async () => {
  await sql`truncate person cascade`
  const links = [await freshLink(server), await freshLink(server)]
  const cookies = await Promise.all(links.map((link) => spend(server, link, ' Gra\u202Ece\u0007 ')))
  expect(new Set(cookies).size).toBe(2)
  expect(await owners()).toBe(1)
})

test('an expired link is spent as little as an unknown one', async () => {
  const link = await freshLink(server)
  await sql`update link set expires_at = now() - interval '1 second'`
  await expect(spend(server, link)).rejects.toThrow('410')
})

test('foreign pages can neither enter, nor leave, nor open the socket', async () => {
  const { cookie } = await enter(server)
  const link = await freshLink(server)
  const hostile = ['null', 'http://evil.example', server.url.replace('http', 'https'), `${server.url}0`, 'http://localhost', '']
  for (const origin of hostile) {
    const body = { token: new URL(link).hash.slice(1) }
    expect((await postEnter(server, body, { origin })).status).toBe(403)
    expect((await fetch(new URL('/auth/leave', server.url), { method: 'POST', headers: { cookie, origin } })).status).toBe(403)
    expect((await upgrade({ cookie, origin })).status).toBe(403)
  }
  await spend(server, link)
  await (await connect(server, cookie)).close()
})

test('a foreign room is not found, by any procedure, exactly like one that does not exist', async () => {
  const ada = await connect(server, (await enter(server)).cookie)
  const eve = await connect(server, await stranger())
  const id = newId()
  await ada.rpc.conversation.create({ id, title: 'Secret plans' })
  const sent = await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'secret', kind: 'prompt', replyId: newId() })
  const replyId = sent.reply?.id ?? ''
  const refusals = async (room: string, reply: string) =>
    Promise.all(
      [
        eve.rpc.conversation.join({ id: room, since: 0, limit: 10 }),
        eve.rpc.conversation.pull({ id: room, since: 0, limit: 10 }),
        eve.rpc.conversation.history({ id: room, before: 100, limit: 10 }),
        eve.rpc.conversation.update({ id: room, title: 'mine' }),
        eve.rpc.message.send({ id: newId(), conversationId: room, text: 'x', kind: 'prompt', replyId: newId() }),
        eve.rpc.reply.stop({ id: reply }),
        eve.rpc.reply.resume({ id: reply, revision: 1 }),
      ].map((call) =>
        (call as Promise<unknown>).then(
          () => 'answered',
          (error) => ({ code: error.code, status: error.status, data: error.data, message: error.message }),
        ),
      ),
    )
  const foreign = await refusals(id, replyId)
  expect(foreign).toEqual(await refusals(newId(), newId()))
  for (const refusal of foreign) expect(refusal).toMatchObject({ code: 'NOT_FOUND', status: 404 })
  await eve.rpc.conversation.remove({ id })
  await expect(eve.rpc.conversation.create({ id })).rejects.toMatchObject({ code: 'CONFLICT' })
  expect((await eve.rpc.conversation.list({})).conversations).toEqual([])
  expect((await ada.rpc.conversation.list({})).conversations.find((room) => room.id === id)?.title).toBe('Secret plans')
  // Leaving and joining what is not hers has not subscribed her to anything either.
  await ada.rpc.conversation.update({ id, title: 'Still secret' })
  await eve.rpc.session.me({})
  expect(eve.frames).toEqual([])
  // Nor does a prompt of one's own bring the reply of a foreign room, whatever id is sent along.
  const hers = { id: newId(), conversationId: newId(), text: 'x', kind: 'note' as const, replyId: newId() }
  await eve.rpc.conversation.create({ id: hers.conversationId })
  await eve.rpc.message.send(hers)
  expect((await eve.rpc.message.send({ ...hers, replyId })).reply).toBeNull()
  // A message's id is a place of its owner: nobody else can take or read it by sending it again.
  const own = newId()
  await eve.rpc.conversation.create({ id: own })
  const again = { id: sent.message.id, conversationId: own, text: 'x', kind: 'note' as const, replyId: newId() }
  await expect(eve.rpc.message.send(again)).rejects.toMatchObject({ code: 'CONFLICT' })
  await ada.close()
  await eve.close()
}, 30_000)

test('signing out ends the session, its cookie and its open sockets', async () => {
  const { cookie } = await enter(server)
  const tab = await connect(server, cookie)
  const answer = await fetch(new URL('/auth/leave', server.url), { method: 'POST', headers: { cookie, origin: server.url } })
  expect(answer.status).toBe(204)
  expect(answer.headers.get('set-cookie')).toContain('Max-Age=0')
  expect((await within(tab.closed, 5_000, 'The end of the socket')).code).toBe(4401)
  await expect(connect(server, cookie)).rejects.toThrow()
})

test('a name is kept without what could disguise it', async () => {
  const [{ name }] = await sql`select name from person where kind = 'owner'`
  expect(name).toBe('Grace')
})

test('a failing database leaves no name, no hash and no text in the log', async () => {
  const link = await freshLink(server)
  const before = server.logs()
  await sql`alter table session rename to elsewhere`
  const answer = await postEnter(server, { token: new URL(link).hash.slice(1), name: 'Nameless' }, { 'user-agent': 'secret-browser' })
  await sql`alter table elsewhere rename to session`
  expect(answer.status).toBe(500)
  const added = server.logs().slice(before.length)
  expect(added).toContain('http.failed')
  expect(added).not.toMatch(/params|insert into|secret-browser|[0-9a-f]{64}/)
})

test('guessing is limited by address, and an address cannot be made up', async () => {
  const answers = []
  for (let guess = 0; guess < 40; guess++) {
    answers.push(await postEnter(server, { token: 'y'.repeat(43) }, { 'x-forwarded-for': `10.0.0.${guess}` }))
  }
  expect(answers.at(-1)?.status).toBe(429)
})

test('every answer carries the security headers', async () => {
  for (const path of ['/', '/enter', '/healthz', '/nothing', `/c/${newId()}`, '/rpc', '/c/x']) {
    const { headers } = await fetch(new URL(path, server.url), { redirect: 'manual' })
    const policy = headers.get('content-security-policy') ?? ''
    expect([path, policy.includes("default-src 'none'")]).toEqual([path, true])
    expect(policy).toContain("require-trusted-types-for 'script'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('x-dns-prefetch-control')).toBe('off')
  }
})

test('neither the key, nor a token, nor a text is ever in a log line', () => {
  expect(server.logs()).not.toContain(CANARY)
  expect(server.logs()).not.toContain('secret')
  expect(server.logs()).not.toContain('S'.repeat(43))
})

function upgrade(headers: Record<string, string>): Promise<Response> {
  return fetch(new URL('/rpc?wire=1', server.url), {
    headers: {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      ...headers,
    },
  })
}
