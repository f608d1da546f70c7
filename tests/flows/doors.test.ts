import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { createApp } from '../../server/app.ts'
import { Frame } from '../../server/contract/frames.ts'
import { ShareFrame } from '../../server/contract/share.ts'
import { sharePages } from '../../server/pages/shares.ts'
import { connect, dial, readShare, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { enter, introduce, inviteTo, shareRoom } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'

/*
 * Every address and every frame by everybody, as matrix.test.ts has every procedure. An address of the app, or a kind of frame, without a row fails.
 */

const MEMBERS = ['owner', 'participant', 'viewer'] as const
/** `removed` was in the room, `elsewhere` is a guest of another one, `server` owns the server and was never in the room. */
const SIGNED_IN = [...MEMBERS, 'removed', 'elsewhere', 'server'] as const
/** A session that is over, and none at all. */
const STRANGERS = ['expired', 'nobody'] as const
const ACTORS = [...SIGNED_IN, ...STRANGERS]
type SignedIn = (typeof SIGNED_IN)[number]
type Actor = (typeof ACTORS)[number]

/** In whatever only people of the room may see. */
const CANARY = 'canary-51d0'

/** A room, its two open links, and a file of the client. */
type World = { readonly room: string; readonly invite: Link; readonly share: Link; readonly file: string }
type Link = { readonly id: string; readonly token: string }

type Call = { readonly path: string; readonly body?: string; readonly upgrade?: true }
/** A status, and where to for one that leads on. */
type Outcome = number | `303 ${string}`

type Row = {
  /** Method and path as the app has them. */
  readonly route: string
  readonly what: string
  readonly call: (world: World) => Call
  readonly signedIn: Outcome
  /** Default: as for everybody. */
  readonly strangers?: Outcome
  /** Default: as for everybody with a session. */
  readonly members?: Outcome
  /** What the room is about is in the answer: whoever holds the secret may read it. */
  readonly tells?: true
}

const json = (body: unknown) => JSON.stringify(body)

/** What opens nothing: names that are no secrets, secrets of another kind, secrets that are no more. */
const NO_SECRETS: readonly [string, (world: World) => string][] = [
  ['the id of a room', ({ room }) => room],
  ['the id of a link', ({ share }) => share.id],
  ['a secret that never was', () => newToken()],
]

const ROWS: readonly Row[] = [
  { route: 'GET /healthz', what: 'health', call: () => ({ path: '/healthz' }), signedIn: 200 },
  { route: 'GET /rpc', what: 'the socket', call: () => ({ path: '/rpc?wire=1', upgrade: true }), signedIn: 101, strangers: 401 },
  { route: 'GET /rpc', what: 'no socket', call: () => ({ path: '/rpc?wire=1' }), signedIn: 426, strangers: 401 },
  { route: 'GET /enter', what: 'the entrance', call: () => ({ path: '/enter' }), signedIn: 200 },
  { route: 'GET /diagram', what: 'the frame of a diagram', call: () => ({ path: '/diagram' }), signedIn: 200 },
  { route: 'GET /shell', what: 'the page without a server', call: () => ({ path: '/shell' }), signedIn: 200 },
  { route: 'GET /', what: 'the app', call: () => ({ path: '/' }), signedIn: 200, strangers: '303 /enter' },
  { route: 'GET /c/:id', what: 'a room', call: ({ room }) => ({ path: `/c/${room}` }), signedIn: 200, strangers: '303 /enter' },
  {
    route: 'GET /c/:id',
    what: 'a room that is not there',
    call: () => ({ path: `/c/${newId()}` }),
    signedIn: 200,
    strangers: '303 /enter',
  },
  { route: 'GET /c/:id', what: 'no room', call: () => ({ path: '/c/1' }), signedIn: 404 },
  { route: 'GET /*', what: 'a file', call: ({ file }) => ({ path: file }), signedIn: 200 },
  { route: 'GET /*', what: 'the id of a room as a file', call: ({ room }) => ({ path: `/${room}` }), signedIn: 404 },
  { route: 'GET /*', what: 'a way out of the folder', call: () => ({ path: '/assets/..%2f..%2fpackage.json' }), signedIn: 404 },
  { route: 'POST /auth/leave', what: 'without a session', call: () => ({ path: '/auth/leave' }), signedIn: 204 },
  {
    route: 'POST /auth/look',
    what: 'an invitation',
    call: ({ invite }) => ({ path: '/auth/look', body: json({ token: invite.token }) }),
    signedIn: 200,
  },
  {
    route: 'POST /auth/enter',
    what: 'an invitation without a name',
    call: ({ invite }) => ({ path: '/auth/enter', body: json({ token: invite.token }) }),
    signedIn: 200,
    strangers: 422,
  },
  ...[...NO_SECRETS, ['the secret of a shared page', ({ share }: World) => share.token] as const].flatMap(([what, token]) =>
    (['look', 'enter'] as const).map((door) => ({
      route: `POST /auth/${door}`,
      what,
      call: (world: World) => ({ path: `/auth/${door}`, body: json({ token: token(world), name: 'Mallory' }) }),
      signedIn: 410,
    })),
  ),
  { route: 'POST /auth/passkey/ask', what: 'what a passkey has to sign', call: () => ({ path: '/auth/passkey/ask' }), signedIn: 200 },
  {
    route: 'POST /auth/passkey/enter',
    what: 'no passkey',
    call: () => ({ path: '/auth/passkey/enter', body: json({}) }),
    signedIn: 400,
  },
  {
    route: 'POST /auth/passkey/enter',
    what: 'what signs nothing',
    call: () => ({
      path: '/auth/passkey/enter',
      body: json({ id: 'A', clientDataJSON: 'e30', authenticatorData: 'A', signature: 'A', userHandle: 'A' }),
    }),
    signedIn: 403,
  },
  { route: 'GET /s/:token', what: 'a shared page', call: ({ share }) => ({ path: `/s/${share.token}` }), signedIn: 200, tells: true },
  {
    route: 'GET /s/:token/live',
    what: 'a shared page',
    call: ({ share }) => ({ path: `/s/${share.token}/live`, upgrade: true }),
    signedIn: 101,
  },
  { route: 'GET /s/:token/live', what: 'no socket', call: ({ share }) => ({ path: `/s/${share.token}/live` }), signedIn: 426 },
  {
    route: 'POST /s/:token/copy',
    what: 'a shared page',
    call: ({ share }) => copy(share.token),
    signedIn: '303 /c/…',
    strangers: '303 /enter',
  },
  {
    route: 'POST /s/:token/copy',
    what: 'over a room that is there',
    call: ({ share, room }) => copy(share.token, room),
    signedIn: 404,
    // A room of theirs, as if they had asked twice.
    members: '303 /c/…',
    strangers: '303 /enter',
  },
  ...[...NO_SECRETS, ['the secret of an invitation', ({ invite }: World) => invite.token] as const].flatMap(([what, token]) => [
    { route: 'GET /s/:token', what, call: (world: World) => ({ path: `/s/${token(world)}` }), signedIn: 404 },
    {
      route: 'GET /s/:token/live',
      what,
      call: (world: World) => ({ path: `/s/${token(world)}/live`, upgrade: true as const }),
      signedIn: 404,
    },
    { route: 'POST /s/:token/copy', what, call: (world: World) => copy(token(world)), signedIn: 404, strangers: '303 /enter' } as const,
  ]),
]

function copy(token: string, id = newId()): Call {
  return { path: `/s/${token}/copy`, body: new URLSearchParams({ id }).toString() }
}

let postgres: Postgres
let emulator: Emulator
let server: TestServer
let sql: SQL
const cookies = new Map<Actor, string>([['nobody', '']])
const ids = new Map<SignedIn, string>()
let owner: TestClient

beforeAll(async () => {
  postgres = await startPostgres()
  sql = new SQL(postgres.url, { max: 1 })
  // A model that thinks, and is known to.
  emulator = await startEmulator()
  const model = { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url }
  server = await startServer({ env: { DATABASE_URL: postgres.url, TRUST_PROXY: '1', ...model } })
  const ada = await enter(server)
  for (const actor of SIGNED_IN) {
    const entered = actor === 'server' ? ada : await introduce(postgres.url, ada, actor, actor === 'owner' ? 'member' : 'guest')
    cookies.set(actor, entered.cookie)
    ids.set(actor, entered.person.id)
  }
  const late = await introduce(postgres.url, ada, 'Late')
  cookies.set('expired', late.cookie)
  await sql`update session set expires_at = now() - interval '1 second' where person_id = ${late.person.id}`
  owner = await connect(server, cookieOf('owner'))
  await owner.rpc.model.list({})
}, 60_000)

afterAll(async () => {
  await owner.close()
  await sql.close()
  expect(await server.stop()).toBe(0)
  await emulator.stop()
  await postgres.stop()
}, 30_000)

const cookieOf = (actor: Actor): string => cookies.get(actor) ?? ''

/** A room of the owner's with a participant, a viewer, and somebody who was removed; `owner` has joined it. */
async function makeWorld({ removed = true } = {}): Promise<World> {
  const room = newId()
  await owner.rpc.conversation.create({ id: room, title: `${CANARY} title` })
  for (const [actor, role] of [
    ['participant', 'participant'],
    ['viewer', 'viewer'],
    ['removed', 'participant'],
  ] as const)
    await sql`insert into member (conversation_id, person_id, role, changed) values (${room}, ${ids.get(actor)}, ${role}, pg_current_xact_id())`
  await owner.join(room)
  if (removed) await remove(room)
  await send(room, 'prompt')
  const share = await shareRoom(owner, room)
  const page = await (await fetch(new URL('/enter', server.url))).text()
  return { room, invite: await inviteTo(owner, room), share, file: /\/assets\/[^"]+\.js/.exec(page)?.[0] ?? '/none' }
}

async function remove(conversationId: string): Promise<void> {
  await owner.rpc.member.remove({ conversationId, personId: ids.get('removed') ?? '' })
}

/** Says something in the room; a prompt's reply is waited for. */
async function send(conversationId: string, kind: 'prompt' | 'note'): Promise<void> {
  const replyId = newId()
  await owner.rpc.message.send({ id: newId(), conversationId, text: `${CANARY} ${kind} [[thoughts every=1 chunks=3]]`, kind, replyId })
  if (kind === 'prompt') await owner.hearEnd(replyId)
}

let callers = 0

/** Every call comes from an address of its own, so that nobody pays for the tries of another. */
async function ask(actor: Actor, row: Row, world: World): Promise<{ outcome: Outcome; text: string }> {
  const { path, body, upgrade } = row.call(world)
  const headers: Record<string, string> = {
    origin: new URL(server.url).origin,
    cookie: cookieOf(actor),
    'x-forwarded-for': `192.0.${callers >> 8}.${callers++ & 255}`,
    ...(body !== undefined && { 'content-type': body.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded' }),
  }
  if (upgrade) return opens(path, headers)
  const method = row.route.split(' ')[0] ?? ''
  const answer = await fetch(new URL(path, server.url), { method, headers, redirect: 'manual', ...(body !== undefined && { body }) })
  const to = answer.headers.get('location')
  const text = `${json([...answer.headers].filter(([name]) => name !== 'date'))} ${await answer.text()}`
  return { outcome: to === null ? answer.status : `303 ${to.replace(/^\/c\/.*/, '/c/…')}`, text }
}

/** Opens a socket at once closed again; a refusal is asked for once more without the upgrade's own client, to see its status. */
async function opens(path: string, headers: Record<string, string>): Promise<{ outcome: Outcome; text: string }> {
  const url = new URL(path, server.url)
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  const socket = dial(url, headers)
  const opened = await new Promise<boolean>((resolve) => {
    socket.addEventListener('open', () => resolve(true))
    socket.addEventListener('close', () => resolve(false))
  })
  if (opened) {
    socket.close()
    return { outcome: 101, text: '' }
  }
  const answer = await fetch(url, { headers: { ...headers, ...handshake } })
  return { outcome: answer.status, text: await answer.text() }
}

/** An app of which only the addresses are wanted. */
function routesOfApp(): string[] {
  const nothing: unknown = new Proxy(() => nothing, { get: () => nothing })
  const shares = sharePages(nothing as Parameters<typeof sharePages>[0])
  const parts = { shares, database: nothing } as Parameters<typeof createApp>[0]
  return [...new Set(createApp(parts).routes.map(({ method, path }) => `${method} ${path}`))].sort()
}

const kindsOf = ({ anyOf }: { anyOf: readonly object[] }): string[] =>
  anyOf.map((tuple) => /"items":\[\{"const":"(\w+)"/.exec(JSON.stringify(tuple))?.[1] ?? JSON.stringify(tuple)).sort()

test('every address of the app has a row', () => {
  expect([...new Set(ROWS.map(({ route }) => route))].sort()).toEqual(routesOfApp())
})

test('every address answers everybody as it should, and outsiders as if the room were not there', async () => {
  const world = await makeWorld()
  const { room, invite, share } = world
  for (const row of ROWS) {
    // Entering makes a member, and leaving ends the session: those who do so here come as somebody else.
    const mine = row.route === 'POST /auth/leave' || (row.route === 'POST /auth/enter' && row.signedIn === 200)
    for (const actor of mine ? STRANGERS : ACTORS) {
      const { outcome, text } = await ask(actor, row, world)
      const stranger = STRANGERS.some((one) => one === actor)
      const member = MEMBERS.some((one) => one === actor)
      const wanted = (stranger ? row.strangers : member ? row.members : null) ?? row.signedIn
      const seen = `${row.route}, ${row.what}, ${actor}`
      expect(`${seen}: ${outcome}`).toBe(`${seen}: ${wanted}`)
      if (!row.tells) expect(`${seen}: ${text.includes(CANARY)}`).toBe(`${seen}: false`)
      for (const secret of [invite.token, ...(row.tells ? [] : [share.token])])
        expect(`${seen}: ${text.includes(secret)}`).toBe(`${seen}: false`)
    }
  }
  const [{ members } = { members: 0 }] = await sql`select count(*)::int as members from member where conversation_id = ${room}`
  expect(members).toBe(3)
}, 60_000)

test('what a revoked link had opened answers as what never was, at every address and to everybody', async () => {
  const world = await makeWorld()
  const secrets = { ...world, share: { id: newId(), token: newToken() }, invite: { id: newId(), token: newToken() } }
  for (const { id } of [world.share, world.invite]) await owner.rpc.link.revoke({ id, people: false })
  const rows = ROWS.filter(({ route, what }) => /auth\/(look|enter)|\/s\//.test(route) && /^(a shared page|an invitation)/.test(what))
  expect(rows.length).toBe(5)
  for (const row of rows) {
    for (const actor of ACTORS) {
      // An invitation that somebody keeps as the address of a room which is theirs goes on leading there.
      if (row.what.startsWith('an invitation') && MEMBERS.some((one) => one === actor)) continue
      const answer = await ask(actor, row, world)
      expect(answer).toEqual(await ask(actor, row, secrets))
      expect(`${row.route} ${actor} ${answer.outcome}`).toMatch(/ (404|410|303 \/enter)$/)
    }
  }
}, 60_000)

test('every kind of frame reaches those whom it is for, and nobody else', async () => {
  const everybody = ['owner', 'participant', 'viewer']
  const wanted: Record<string, readonly string[]> = {
    message: everybody,
    delta: everybody,
    thought: everybody,
    people: everybody,
    conversation: everybody,
    typing: everybody,
    // Whose role has changed, and who has read what they wrote themselves.
    membership: ['owner', 'viewer'],
    defaults: ['owner'],
    // How somebody keeps a room is said to their own tabs.
    arrangement: ['viewer'],
    gone: everybody,
  }
  expect(Object.keys(wanted).sort()).toEqual(kindsOf(Frame))
  const tabs = new Map<SignedIn, TestClient>([['owner', owner]])
  const { room } = await makeWorld({ removed: false })
  for (const actor of SIGNED_IN) if (actor !== 'owner') tabs.set(actor, await connect(server, cookieOf(actor)))
  for (const [actor, tab] of tabs) {
    const joined = await tab.join(room).then(
      () => true,
      () => false,
    )
    expect(`${actor}: ${joined}`).toBe(`${actor}: ${[...everybody, 'removed'].includes(actor)}`)
  }
  await remove(room)
  const removed = await tabs.get('removed')?.hear((frame) => frame[0] === 'gone' && frame[1] === room)
  expect(removed).toEqual(['gone', room])
  for (const tab of tabs.values()) {
    await tab.rpc.session.me({})
    tab.frames.length = 0
  }
  await owner.rpc.presence.typing({ conversationId: room })
  await owner.rpc.session.setDefaults({})
  await tabs.get('viewer')?.rpc.conversation.arrange({ id: room, pin: 1 })
  await send(room, 'note')
  await send(room, 'prompt')
  await owner.rpc.member.update({ conversationId: room, personId: ids.get('viewer') ?? '', role: 'participant' })
  await tabs.get('viewer')?.hear((frame) => frame[0] === 'membership')
  await tabs.get('viewer')?.hear((frame) => frame[0] === 'people')
  await owner.rpc.conversation.remove({ id: room })
  for (const actor of MEMBERS) await tabs.get(actor)?.hear((frame) => frame[0] === 'gone' && frame[1] === room)
  // An answer on the same socket comes after every frame before it.
  for (const tab of tabs.values()) await tab.rpc.session.me({})
  const heard: Record<string, string[]> = {}
  for (const [actor, tab] of tabs)
    for (const kind of new Set(tab.frames.map(([name]) => name))) heard[kind] = [...(heard[kind] ?? []), actor]
  expect(heard).toEqual(Object.fromEntries(Object.entries(wanted).map(([kind, actors]) => [kind, [...actors]])))
  for (const [actor, tab] of tabs) if (actor !== 'owner') await tab.close()
}, 30_000)

test('a reader of a shared page hears four kinds of frames, none of them about people or of notes', async () => {
  expect(kindsOf(ShareFrame)).toEqual(['delta', 'head', 'message', 'page', 'title'])
  const { room, share } = await makeWorld()
  const { frames, close } = await readShare(server, share.token)
  await owner.rpc.presence.typing({ conversationId: room })
  await send(room, 'note')
  await send(room, 'prompt')
  await owner.rpc.conversation.update({ id: room, title: 'The last word' })
  await eventually(() => frames.some((frame) => frame.includes('The last word')))
  expect([...new Set(frames.map((frame) => frame.split('"')[1]))].sort()).toEqual(kindsOf(ShareFrame))
  expect(frames.join('\n')).not.toContain(`${CANARY} note`)
  close()
}, 30_000)
