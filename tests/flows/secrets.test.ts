import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { isOpen, newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { readConfig } from '../../server/config.ts'
import { type Canary, Witness } from '../support/canaries.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, type Script, startEmulator } from '../support/emulator.ts'
import { badKey, refusal } from '../support/emulator-errors.ts'
import { messageOf } from '../support/eventually.ts'
import { freshLink } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { refusedStart, startServer, type TestServer } from '../support/server.ts'

/*
 * One whole life of a server, in which everything that it lets out is kept: answers, frames, lines, rows, files. None of it may hold one of these but
 * for what hands it to whom it is for. `IN_SIGHT` is no secret: it is found wherever people's words may be, or this would look in the wrong places.
 */
const KEY = `AIzaSy${newToken().slice(0, 33)}`
const PASSWORD = newToken()
const IN_SIGHT = { name: 'in sight', secret: `in-sight-${newToken()}` }
/** Those that the journey meets are added. */
const canaries: Canary[] = [
  { name: 'key', secret: KEY },
  { name: 'password', secret: PASSWORD },
]
const witness = new Witness()

const CLIENT = join(import.meta.dirname, '../../dist/client')
const dataDir = mkdtempSync(join(tmpdir(), 'confab-secrets-'))
let postgres: Postgres
let emulator: Emulator
let server: TestServer
let sql: SQL
let databaseUrl: string

beforeAll(async () => {
  postgres = await startPostgres()
  emulator = await startEmulator()
  databaseUrl = await postgres.createDatabase()
  sql = new SQL(databaseUrl, { max: 1 })
  await sql.unsafe(`create role canary login superuser password '${PASSWORD}'`)
  const url = new URL(databaseUrl)
  url.username = 'canary'
  url.password = PASSWORD
  databaseUrl = url.href
  server = await startServer({
    dataDir,
    env: {
      DATABASE_URL: databaseUrl,
      GEMINI_API_KEY: KEY,
      GEMINI_BASE_URL: emulator.url,
      LOG_LEVEL: 'debug',
      TRUST_PROXY: '1',
    },
  })
}, 60_000)

afterAll(async () => {
  await sql.close()
  await server.kill()
  await emulator.stop()
  await postgres.stop()
  rmSync(dataDir, { recursive: true, force: true })
}, 30_000)

let looked = 0
/** What has leaked since it was last asked. */
function leaks(): string[] {
  const found = witness.leaks(canaries, looked)
  looked = witness.size
  return found
}
/** The hash of a secret opens nothing, but it is nobody's business either; it belongs into the database only. */
const hashes = () =>
  canaries.map(({ name, secret }) => ({ name: `hash of ${name}`, secret: new Bun.CryptoHasher('sha256').update(secret).digest('hex') }))

function secret(name: string, value = newToken()): string {
  canaries.push({ name, secret: value })
  return value
}

let callers = 0

/** Every call from an address of its own, so that none pays for the tries of another. `may`: the secrets that are handed out by it. */
async function ask(path: string, init: RequestInit = {}, ...may: string[]): Promise<{ response: Response; text: string }> {
  const headers = new Headers({ origin: new URL(server.url).origin, 'x-forwarded-for': `192.0.${callers >> 8}.${callers++ & 255}` })
  for (const [name, value] of new Headers(init.headers)) headers.set(name, value)
  const response = await fetch(server.url + path, { redirect: 'manual', ...init, headers })
  const text = await response.text()
  const shown = canaries.reduce((line, { name, secret: value }) => line.replaceAll(value, `<${name}>`), `${init.method ?? 'GET'} ${path}`)
  witness.see(`http ${shown}`, `${response.status} ${JSON.stringify([...response.headers])}\n${text}`, ...may)
  return { response, text }
}

const post = (body: unknown, cookie = ''): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(cookie && { cookie }) },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

/** Enters by a secret; the session's own is a secret from then on, and may only be where it is set. */
async function comeIn(token: string, name: string): Promise<string> {
  const { response } = await ask('/auth/enter', post({ token, name }), `session of ${name}`)
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  secret(`session of ${name}`, cookie.slice(cookie.indexOf('=') + 1))
  return cookie
}

async function open(cookie: string, name: string): Promise<TestClient> {
  const client = await connect(server, cookie)
  client.socket.addEventListener('message', ({ data }) => witness.see(`socket of ${name}`, String(data)))
  client.socket.addEventListener('close', ({ reason }) => witness.see(`socket of ${name}`, reason))
  return client
}

/** What a refused call says to whoever made it. */
async function refused(call: Promise<unknown>): Promise<void> {
  const answer = await call.then(
    () => null,
    (error: unknown) => messageOf(error),
  )
  expect(answer).not.toBeNull()
  witness.see('refusal', answer ?? '')
}

function seeFiles(): void {
  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    witness.see(`file ${path.slice(dataDir.length)}`, `${path} ${readFileSync(path, 'latin1')}`)
  }
}

function seeLogs(): void {
  // All that was said, from the first line on.
  expect(server.logs()).toContain('Confab is ready at')
  for (const line of server.logs().split('\n')) witness.see('line', line, ...(line.startsWith('Open this link ') ? ['claim'] : []))
}

describe('what looks for secrets finds them', () => {
  const token = newToken()
  const bytes = Buffer.from(token)
  const everyByte = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'))
  const forms: [name: string, text: string][] = [
    ['in a fragment', `https://chat.example.org/enter#${token}`],
    ['in a field of a header', `set-cookie: confab3000=${token}; Path=/`],
    ['without its end', `{"key":"${token.slice(0, 20)}…"}`],
    ['without its beginning', `…${token.slice(20)}`],
    ['in lower case', `http://${token.toLowerCase()}/`],
    ['escaped for an address', everyByte.map((byte) => `%${byte}`).join('')],
    ['escaped for HTML', everyByte.map((byte) => `&#x${byte};`).join('')],
    ['escaped for HTML in decimals', [...bytes].map((byte) => `&#${byte};`).join('')],
    ['escaped for JSON', everyByte.map((byte) => `\\u00${byte}`).join('')],
    ['in hex', `\\x${bytes.toString('hex').toUpperCase()}`],
    ...['', 'a', 'ab', 'abc'].flatMap((before): [string, string][] => [
      [`in base64 after ${before.length} bytes`, Buffer.from(`${before}${token} and more`).toString('base64')],
      [`in base64url after ${before.length} bytes`, Buffer.from(`${before}${token}\u{ff}\u{fe}`).toString('base64url')],
    ]),
  ]
  for (const [name, text] of forms) {
    test(name, () => {
      const one = new Witness()
      one.see('here', `Something before ${text} and after.`)
      one.see('where it belongs', text, 'token')
      expect(one.leaks([{ name: 'token', secret: token }]).map((leak) => leak.replace(/ \(.*/, ''))).toContain('here: token')
      expect(one.leaks([{ name: 'token', secret: token }]).join()).not.toContain('where it belongs')
      expect(one.leaks([{ name: 'token', secret: newToken() }])).toEqual([])
    })
  }
})

test('a start that is refused repeats no secret, in whichever variable it was put', async () => {
  const names = ['PORT', 'DATABASE_URL', 'GEMINI_BASE_URL', 'PUBLIC_URL', 'TRUST_PROXY', 'REPLIES_AT_ONCE', 'LOG_LEVEL', 'TLS_CERT']
  for (const name of names) {
    for (const value of [KEY, `https//${KEY}@x`, `postgres//ada:${KEY}@x/y`]) {
      expect(() => readConfig({ [name]: value })).toThrow(name)
      try {
        readConfig({ [name]: value })
      } catch (error) {
        witness.see(`start with ${name}`, messageOf(error))
      }
    }
  }
  const wrong = new URL(databaseUrl)
  wrong.password = secret('wrong password')
  const nowhere = new URL(databaseUrl)
  nowhere.port = '1'
  const starts: Record<string, string>[] = [
    { GEMINI_BASE_URL: KEY, DATABASE_URL: databaseUrl },
    { DATABASE_URL: wrong.href },
    { DATABASE_URL: nowhere.href },
  ]
  for (const env of starts) {
    const { code, said } = await refusedStart({ env: { GEMINI_API_KEY: KEY, LOG_LEVEL: 'debug', ...env } })
    expect(code).toBe(1)
    witness.see('start', said)
  }
  expect(leaks()).toEqual([])
}, 60_000)

let ada: TestClient
let room: string
let owner: string
let guest: string
let share: string

test('people come in by every kind of link, and nobody but they sees its secret', async () => {
  const claim = secret('claim', new URL(await server.claimLink()).hash.slice(1))
  await ask('/auth/look', post({ token: claim }))
  owner = await comeIn(claim, 'Ada')
  ada = await open(owner, 'Ada')
  room = newId()
  await ada.rpc.conversation.create({ id: room, title: IN_SIGHT.secret })
  await ada.join(room)
  await ask('/', { headers: { cookie: owner } })
  await ask(`/c/${room}`, { headers: { cookie: owner } })

  const device = secret('device')
  await ada.rpc.link.device({ id: newId(), token: device })
  await comeIn(device, 'Ada elsewhere')
  const invite = { id: newId(), token: secret('invite') }
  await ada.rpc.link.invite({ ...invite, conversationId: room, role: 'participant', label: 'All', uses: null, lastsMs: null })
  guest = await comeIn(invite.token, 'Gil')
  const gil = await open(guest, 'Gil')
  await gil.join(room)
  const shared = { id: newId(), token: secret('share') }
  share = shared.token
  await ada.rpc.link.share({ ...shared, conversationId: room, label: 'To read', lastsMs: null })
  await ask(`/s/${share}`)
  // To somebody who may copy it the page of a share names its own address.
  const { text } = await ask(`/s/${share}`, { headers: { cookie: guest } }, 'share')
  expect(text).toContain(share)
  const { response } = await ask(`/s/${share}/copy`, { ...post('', guest), body: new URLSearchParams({ id: newId() }).toString() })
  expect(response.status).toBe(303)
  const spare = secret('second claim', new URL(await freshLink(server)).hash.slice(1))
  await ask('/auth/look', post({ token: spare }))

  await ada.rpc.link.list({ conversationId: room })
  await ada.rpc.admin.overview({})
  await ada.rpc.usage.report({ days: 7 })
  await ada.rpc.session.list({})
  await ada.rpc.conversation.list({})
  // Once more with the same secret, under another id, and by somebody who may not.
  await refused(ada.rpc.link.invite({ ...invite, id: newId(), conversationId: room, role: 'viewer', label: '', uses: 1, lastsMs: null }))
  await refused(gil.rpc.link.share({ ...shared, conversationId: room, label: '', lastsMs: null }))
  await gil.close()
  expect(leaks()).toEqual([])
}, 30_000)

test('what the provider says of the key reaches nobody, however it says it', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: KEY, domain: KEY, metadata: { key: KEY } }]
  const told: Record<string, Script> = {
    '400 for the key': (answer) => answer.fail({ ...badKey(), body: refusal(400, KEY, `API key not valid: ${KEY}`, details).body }),
    '403': (answer) => answer.fail(refusal(403, 'PERMISSION_DENIED', `Your API key ${KEY} was reported as leaked.`, details)),
    '404': (answer) => answer.fail(refusal(404, 'NOT_FOUND', `models/${KEY} is not found`, details)),
    '429 of a day': (answer) =>
      answer.fail(refusal(429, 'RESOURCE_EXHAUSTED', KEY, [{ violations: [{ quotaId: `PerDay${KEY}` }], retryDelay: KEY }])),
    '500': (answer) => answer.fail(refusal(500, KEY, `${KEY} failed`, details)),
    'a page': (answer) => answer.wire.refuse(502, `<html><title>${KEY}</title>?key=${KEY}</html>`),
    'an error event': async (answer) => {
      await answer.write('Some words.')
      await answer.fail(refusal(503, 'UNAVAILABLE', KEY, details))
    },
    'a reason to finish': (answer) => answer.finish(KEY),
    'a reason to refuse': (answer) => answer.block(KEY),
    'half an event': async (answer) => {
      await answer.wire.raw(`data: {"key": "${KEY}\r\n\r\n`)
      await answer.wire.end()
    },
  }
  for (const [name, script] of Object.entries(told)) {
    // Twice more for what is asked again by itself, should its stop come late.
    emulator.script.push(script, script, script)
    const asked = emulator.requests.length
    const replyId = newId()
    await ada.rpc.message.send({ id: newId(), conversationId: room, text: name, kind: 'prompt', replyId })
    const seen = await ada.hear(
      ([kind, row]) => kind === 'message' && row.id === replyId && row.kind === 'reply' && (row.failure !== null || !isOpen(row.state)),
    )
    // What is asked again is not waited for.
    if (seen[0] === 'message' && seen[1].kind === 'reply' && isOpen(seen[1].state)) await ada.rpc.reply.stop({ id: replyId })
    const { row } = await ada.hearEnd(replyId)
    expect([name, row.state]).not.toEqual([name, 'complete'])
    expect(emulator.requests.length).toBeGreaterThan(asked)
    emulator.script.splice(0)
  }
  // The key goes to the provider by one way, which no log on the way keeps.
  for (const { key, headers, ...request } of emulator.requests) {
    expect(key).toBe(KEY)
    const { 'x-goog-api-key': way, ...others } = headers
    expect(way).toBe(KEY)
    witness.see('request to the provider', JSON.stringify([request, others]))
  }
  expect(leaks()).toEqual([])
}, 60_000)

test('a reply that is being written is in its journal, and no secret is', async () => {
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId: room, text: '[[hand]]', kind: 'prompt', replyId })
  const answer = await emulator.next()
  await answer.write(IN_SIGHT.secret)
  await ada.hearText(replyId, (text) => text.includes(IN_SIGHT.secret))
  seeFiles()
  await answer.finish()
  await ada.hearEnd(replyId)
  await ask(`/s/${share}`)
  expect(leaks()).toEqual([])
}, 30_000)

test('a secret in an odd place comes back from nowhere', async () => {
  const odd = canaries.filter(({ name }) => ['key', 'claim', 'second claim', 'invite', 'share', 'session of Gil'].includes(name))
  expect(odd.length).toBe(6)
  for (const { name, secret: value } of odd) {
    const own = name === 'share' ? ['share'] : []
    for (const path of ['', 'c/', 'enter/', 'assets/', 's/x/', 'enter?token=', '?key=', 'healthz?', 'rpc?wire=', 'auth/enter/', 'metrics/'])
      await ask(`/${path}${value}`)
    for (const path of [`/%73/${value}`, `/s/${value}/`, `/S/${value}`, `//s/${value}`, `/s/${value}/live`, `/s/${value}/copy`])
      await ask(path, {}, ...own)
    for (const door of ['/auth/look', '/auth/enter', '/auth/leave', '/rpc', '/']) {
      for (const body of [`{"token":"${value}`, { tokens: value }, { token: [value] }, { token: `${value}x`, name: { value } }, value])
        await ask(door, post(body))
      await ask(`${door}?token=${value}`, { method: 'PATCH', body: value })
    }
    for (const header of [
      'authorization',
      'x-goog-api-key',
      'x-forwarded-for',
      'content-type',
      'if-none-match',
      'range',
      'accept-encoding',
    ])
      for (const path of ['/', '/enter']) await ask(path, { headers: { [header]: value } })
    const heads: Record<string, string>[] = [
      { origin: `https://${value}.example.org` },
      { cookie: `confab=${value}` },
      { host: `${value}.example.org` },
    ]
    for (const headers of heads) for (const path of ['/auth/enter', '/rpc']) await ask(path, { ...post({ token: '' }), headers })
    witness.see('http by hand', await byHand(`GET /s/${value} HTTP/9.9\r\nx: ${value}\r\n\r\n`))
    witness.see('http by hand', await byHand(`${value} / HTTP/1.1\r\nhost: ${value} ${value}\r\n\r\n`))

    // A name that is too much in an input is named in its refusal; a value never is.
    const frames = [
      `{"i":"1","p":{"u":"/${value}","b":{"json":{}}}}`,
      `{"i":"2","p":{"u":"/link/invite","b":{"json":{"token":"${value}"}}}}`,
      `{"i":"3","p":{"u":"/conversation/join","b":{"json":{"id":"${value}","since":0,"limit":1}}}}`,
      `{"i":"4","p":{"u":"/link/share","b":{"json":{"id":"${newId()}","conversationId":"${newId()}","token":"${value}","label":"","lastsMs":null}}}}`,
      `{"i":"5","p":{"u":"/session/me","h":{"authorization":"${value}"},"b":{"json":{"token":"${value}"}}}}`,
      `["message","${value}"]`,
      `{"${value}`,
    ]
    for (const frame of frames) {
      const client = await open(guest, 'Gil')
      client.sendRaw(frame)
      // Answered after it, unless the socket was closed for it.
      await client.rpc.session.me({}).catch(() => null)
      await client.close()
    }
  }
  expect(leaks()).toEqual([])
}, 60_000)

test('a database that fails says nothing of them, in answers and in the log', async () => {
  const invite = canaries.find(({ name }) => name === 'invite')?.secret ?? ''
  for (const table of ['link', 'session']) {
    await sql.unsafe(`alter table ${table} rename to elsewhere`)
    for (const path of [`/s/${share}`, `/s/${share}/live`, `/%73/${share}`]) await ask(path, { headers: { cookie: owner } }, 'share')
    await ask(`/s/${share}/copy`, { ...post('', owner), body: new URLSearchParams({ id: newId() }).toString() })
    for (const door of ['/auth/look', '/auth/enter', '/auth/leave']) await ask(door, post({ token: invite, name: 'Late' }, guest))
    for (const path of ['/', `/c/${room}`, '/rpc']) await ask(path, { headers: { cookie: owner } })
    await refused(
      ada.rpc.link
        .invite({ id: newId(), token: newToken(), conversationId: room, role: 'viewer', label: '', uses: 1, lastsMs: null })
        .then(() => ada.rpc.session.list({})),
    )
    await sql.unsafe(`alter table elsewhere rename to ${table}`)
  }
  const failed = server
    .logs()
    .split('\n')
    .filter((line) => line.includes('"http.failed"'))
  expect(failed.some((line) => line.includes('"/s/…"'))).toBe(true)
  expect(server.logs()).toContain('"call.failed"')
  expect(leaks()).toEqual([])
}, 30_000)

test('a server that is killed, and one with a key that cannot be sent, keep it all the same', async () => {
  seeLogs()
  await ada.close()
  await server.restart({ GEMINI_API_KEY: `${KEY}é` })
  ada = await open(owner, 'Ada')
  await ada.join(room)
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId: room, text: 'With a bad key', kind: 'prompt', replyId })
  expect((await ada.hearEnd(replyId)).row.failure).toEqual({ code: 'key_refused' })
  for (const { id } of (await ada.rpc.link.list({ conversationId: room })).links) await ada.rpc.link.revoke({ id, people: true })
  expect((await ask(`/s/${share}`)).response.status).toBe(404)
  await ask('/auth/leave', { method: 'POST', headers: { cookie: owner } })
  await ada.closed
  seeLogs()
  seeFiles()
  expect(leaks()).toEqual([])
}, 60_000)

test('no file of the client has one, or a map of its sources', async () => {
  for (const entry of readdirSync(CLIENT, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /\.(br|gz)$/.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    witness.see(`client ${entry.name}`, readFileSync(path, 'latin1'))
    expect((await ask(`${path.slice(CLIENT.length)}.map`)).response.status).toBe(404)
  }
  await ask('/healthz')
  await ask('/metrics')
  await ask('/shell')
  await ask('/enter')
  expect(leaks()).toEqual([])
}, 60_000)

test('no row has one in clear, and nothing but a row has even its hash', async () => {
  const tables: { name: string }[] = await sql`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`
  for (const { name } of tables) {
    const rows: { row: string }[] = await sql.unsafe(`select t::text as row from ${name} t`)
    for (const { row } of rows) witness.see(`row of ${name}`, row)
  }
  // All of it once more, for what was seen before a secret was known.
  expect(witness.leaks(canaries)).toEqual([])
  expect(new Set(witness.leaks(hashes()).map((leak) => leak.split(':')[0]))).toEqual(
    new Set(['row of public.link', 'row of public.session']),
  )
}, 60_000)

test('all of this was looked at where words of people are seen', () => {
  const found = witness.leaks([IN_SIGHT])
  for (const where of [
    'http GET /s/<share>',
    'socket of Ada',
    'socket of Gil',
    'file /journal/',
    'row of public.conversation',
    'row of public.message',
  ])
    expect([where, found.some((leak) => leak.startsWith(where))]).toEqual([where, true])
  for (const where of ['line', 'refusal', 'client', 'start']) {
    expect([where, witness.count(where) > 0]).toEqual([where, true])
    expect(found.filter((leak) => leak.startsWith(where))).toEqual([])
  }
  // Each is one that the server has really used.
  expect(canaries.map(({ name }) => name)).toEqual([
    'key',
    'password',
    'wrong password',
    'claim',
    'session of Ada',
    'device',
    'session of Ada elsewhere',
    'invite',
    'session of Gil',
    'share',
    'second claim',
  ])
  for (const { secret: value } of canaries) expect(value.length).toBeGreaterThan(30)
}, 60_000)

/** Bytes that no client of HTTP would send; what is answered until the server closes. */
async function byHand(request: string): Promise<string> {
  const answer = Promise.withResolvers<string>()
  let text = ''
  const over = () => answer.resolve(text)
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: server.port,
    socket: {
      data: (tcp, bytes) => {
        text += bytes.toString('latin1')
        tcp.end()
      },
      close: over,
      error: over,
    },
  })
  socket.write(request)
  return answer.promise
}
