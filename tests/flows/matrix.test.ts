import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ORPCError } from '@orpc/client'
import { SQL } from 'bun'
import { newId } from '#contract'
import { contract } from '#contract/procedures'
import { newToken } from '../../server/access/tokens.ts'
import { calmly } from '../support/calmly.ts'
import { connect, type TestClient } from '../support/client.ts'
import { proceduresOf } from '../support/near-misses.ts'
import { type Entered, enter, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

/*
 * Every procedure by everybody: what they may, what they may not, and that what they may not changes nothing, tells nothing and looks like what was
 * never there. A procedure without a row fails.
 */

const INSIDERS = ['owner', 'participant', 'viewer'] as const
/** `removed` was in the room, `elsewhere` is a guest of another one, `server` owns the server and was never in the room. */
const OUTSIDERS = ['removed', 'elsewhere', 'server'] as const
const ACTORS = [...INSIDERS, ...OUTSIDERS]
type Actor = (typeof ACTORS)[number]

/** In whatever an outsider must not see. */
const CANARY = 'canary-7c1f'

/** A room, and what is in it. Of a world that does not exist there are only the names. */
type World = {
  readonly room: string
  readonly done: string
  readonly stopped: string
  /** Two prompts that wait: the actor's own, where they have any, else the owner's. */
  readonly waiting: readonly [string, string]
  /** The reply that the first of them waits for. */
  readonly queued: string
  readonly link: string
  /** Instructions that the room's owner has saved. */
  readonly preset: string
  /** Another browser of the room's owner. */
  readonly session: string
  /** A passkey of theirs. */
  readonly passkey: string
  readonly viewer: string
  readonly self: string
}

/**
 * `ok`: allowed. `own`: allowed, and of the caller's own things only. `nothing`: an answer like any other, to a call without any effect. Else the
 * refusal: its code, and what is the matter.
 */
type Outcome =
  | 'ok'
  | 'own'
  | 'nothing'
  | 'FORBIDDEN role'
  | 'FORBIDDEN owner'
  | 'FORBIDDEN last_owner'
  | 'FORBIDDEN passkey'
  | 'CONFLICT id_taken'
  | `NOT_FOUND ${'conversation' | 'message' | 'reply' | 'link'}`

type Row = {
  readonly path: string
  readonly input: (world: World) => unknown
  /** By owner, participant, viewer and everybody else. */
  readonly outcomes: readonly [Outcome, Outcome, Outcome, Outcome]
  /** By the owner of the server, where that is not what everybody else gets. */
  readonly server?: Outcome
  /** A name that is taken cannot look like one that is free. */
  readonly tells?: true
}

const everybody = (outcome: Outcome) => [outcome, outcome, outcome, outcome] as const
const three = (outcome: Outcome) => [outcome, outcome, outcome] as const
const readers = ['ok', 'ok', 'ok', 'NOT_FOUND conversation'] as const
const writers = ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND conversation'] as const
const owners = ['ok', 'FORBIDDEN role', 'FORBIDDEN role', 'NOT_FOUND conversation'] as const
const theServers = { outcomes: everybody('FORBIDDEN owner'), server: 'ok' } as const
const secret = () => ({ id: newId(), token: newToken() })

const ROWS: readonly Row[] = [
  { path: '/session/me', input: () => ({}), outcomes: everybody('own') },
  { path: '/session/rename', input: () => ({ name: 'Renamed' }), outcomes: everybody('own') },
  { path: '/session/setDefaults', input: () => ({ instructions: 'Be brief.' }), outcomes: everybody('own') },
  { path: '/session/list', input: () => ({}), outcomes: everybody('own') },
  { path: '/session/revoke', input: ({ session }) => ({ id: session }), outcomes: ['ok', 'nothing', 'nothing', 'nothing'] },
  { path: '/conversation/list', input: () => ({}), outcomes: everybody('own') },
  {
    path: '/conversation/create',
    input: ({ room }) => ({ id: room, title: 'Mine' }),
    outcomes: ['ok', 'ok', 'ok', 'CONFLICT id_taken'],
    tells: true,
  },
  { path: '/conversation/update', input: ({ room }) => ({ id: room, title: 'Other' }), outcomes: writers },
  {
    path: '/conversation/update',
    input: ({ room }) => ({ id: room, model: 'other', instructions: 'Rhyme.', temperature: 0.5, thinking: 'low' }),
    outcomes: writers,
  },
  { path: '/conversation/update', input: ({ room }) => ({ id: room, guestsAsk: false }), outcomes: owners },
  { path: '/conversation/update', input: ({ room }) => ({ id: room, dayTokens: 0 }), outcomes: owners },
  { path: '/conversation/remove', input: ({ room }) => ({ id: room }), outcomes: ['ok', 'FORBIDDEN role', 'FORBIDDEN role', 'nothing'] },
  // How somebody keeps a room is theirs, whatever they may do in it.
  { path: '/conversation/arrange', input: ({ room }) => ({ id: room, pin: 1, archived: true, tags: ['a tag'] }), outcomes: readers },
  { path: '/conversation/join', input: ({ room }) => ({ id: room, since: 0, limit: 50 }), outcomes: readers },
  { path: '/conversation/leave', input: ({ room }) => ({ id: room }), outcomes: everybody('nothing') },
  { path: '/conversation/pull', input: ({ room }) => ({ id: room, since: 1, limit: 50 }), outcomes: readers },
  { path: '/conversation/history', input: ({ room }) => ({ id: room, before: 100, limit: 50 }), outcomes: readers },
  ...(['note', 'prompt'] as const).map((kind) => ({
    path: '/message/send',
    input: ({ room }: World) => ({ id: newId(), conversationId: room, text: 'Hello', kind, replyId: newId() }),
    outcomes: writers,
  })),
  {
    path: '/message/edit',
    input: ({ waiting }) => ({ id: newId(), of: waiting[0], text: 'Otherwise', replyId: newId() }),
    outcomes: ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND message'],
  },
  {
    path: '/message/regenerate',
    input: ({ done }) => ({ replyId: newId(), of: done }),
    outcomes: ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND reply'],
  },
  { path: '/message/select', input: ({ done }) => ({ id: done }), outcomes: ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND message'] },
  // Whoever may read may keep a copy.
  { path: '/conversation/fork', input: ({ done }) => ({ id: newId(), of: done }), outcomes: ['ok', 'ok', 'ok', 'NOT_FOUND message'] },
  // Whoever may only read now may take back what they have asked before.
  { path: '/message/withdraw', input: ({ waiting }) => ({ id: waiting[0] }), outcomes: ['ok', 'ok', 'ok', 'NOT_FOUND message'] },
  {
    path: '/message/reorder',
    input: ({ room, waiting }) => ({ conversationId: room, ids: waiting.toReversed(), revision: 8 }),
    outcomes: ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND message'],
  },
  { path: '/reply/stop', input: ({ queued }) => ({ id: queued }), outcomes: ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND reply'] },
  {
    path: '/reply/resume',
    input: ({ stopped }) => ({ id: stopped, revision: 4 }),
    outcomes: ['ok', 'ok', 'FORBIDDEN role', 'NOT_FOUND reply'],
  },
  {
    path: '/member/update',
    input: ({ room, viewer }) => ({ conversationId: room, personId: viewer, role: 'participant' }),
    outcomes: owners,
  },
  {
    path: '/member/update',
    input: ({ room, self }) => ({ conversationId: room, personId: self, role: 'owner' }),
    outcomes: ['nothing', 'FORBIDDEN role', 'FORBIDDEN role', 'NOT_FOUND conversation'],
  },
  {
    path: '/member/remove',
    input: ({ room, viewer }) => ({ conversationId: room, personId: viewer }),
    outcomes: ['ok', 'FORBIDDEN role', 'ok', 'NOT_FOUND conversation'],
  },
  {
    path: '/member/remove',
    input: ({ room, self }) => ({ conversationId: room, personId: self }),
    outcomes: ['FORBIDDEN last_owner', 'ok', 'ok', 'nothing'],
  },
  {
    path: '/link/invite',
    input: ({ room }) => ({ ...secret(), conversationId: room, role: 'participant', label: '', uses: 1, lastsMs: null }),
    outcomes: owners,
  },
  { path: '/link/device', input: secret, outcomes: everybody('own') },
  { path: '/link/share', input: ({ room }) => ({ ...secret(), conversationId: room, label: '', lastsMs: null }), outcomes: owners },
  { path: '/link/list', input: ({ room }) => ({ conversationId: room }), outcomes: owners },
  {
    path: '/link/revoke',
    input: ({ link }) => ({ id: link, people: true }),
    outcomes: ['ok', 'NOT_FOUND link', 'NOT_FOUND link', 'NOT_FOUND link'],
  },
  { path: '/passkey/list', input: () => ({}), outcomes: everybody('own') },
  { path: '/passkey/offer', input: () => ({}), outcomes: everybody('own') },
  {
    path: '/passkey/add',
    input: ({ passkey }) => ({ name: '', credential: { id: passkey, clientDataJSON: 'e30', attestationObject: 'oA', transports: [] } }),
    outcomes: everybody('FORBIDDEN passkey'),
  },
  { path: '/passkey/remove', input: ({ passkey }) => ({ id: passkey }), outcomes: ['ok', 'nothing', 'nothing', 'nothing'] },
  { path: '/presence/look', input: ({ room }) => ({ conversationId: room }), outcomes: readers },
  { path: '/presence/typing', input: ({ room }) => ({ conversationId: room }), outcomes: writers },
  { path: '/presence/read', input: ({ room }) => ({ conversationId: room, count: 1 }), outcomes: readers },
  { path: '/search/messages', input: () => ({ query: CANARY.slice(0, -2), limit: 50 }), outcomes: everybody('own') },
  { path: '/model/list', input: () => ({}), outcomes: everybody('own') },
  { path: '/preset/list', input: () => ({}), outcomes: everybody('own') },
  { path: '/preset/save', input: () => ({ id: newId(), name: 'Short', text: 'Be brief.' }), outcomes: everybody('own') },
  {
    path: '/preset/save',
    input: ({ preset }) => ({ id: preset, name: 'Taken', text: 'Over.' }),
    outcomes: ['ok', ...three('CONFLICT id_taken')],
    tells: true,
  },
  { path: '/preset/remove', input: ({ preset }) => ({ id: preset }), outcomes: ['ok', 'nothing', 'nothing', 'nothing'] },
  { path: '/usage/report', input: () => ({ days: 2 }), outcomes: everybody('own') },
  { path: '/admin/overview', input: () => ({}), ...theServers },
  {
    path: '/admin/setBudget',
    input: () => ({ personDayTokens: null, roomDayTokens: null, serverDayTokens: null, guestsDayTokens: null, personMinuteRequests: null }),
    ...theServers,
  },
  { path: '/admin/updatePerson', input: ({ viewer }) => ({ id: viewer, dayTokens: 7 }), ...theServers },
  { path: '/admin/revokeSession', input: ({ session }) => ({ id: session }), ...theServers },
  { path: '/admin/revokeLink', input: ({ link }) => ({ id: link }), ...theServers },
]

let postgres: Postgres
let server: TestServer
let sql: SQL
let people: Record<Actor, Entered>
const tabs = new Map<Actor, TestClient>()
let expired = ''

beforeAll(async () => {
  postgres = await startPostgres()
  sql = new SQL(postgres.url, { max: 1 })
  server = await startServer({ env: { DATABASE_URL: postgres.url } })
  const ada = await enter(server)
  const somebody = (name: string) => introduce(postgres.url, ada, name)
  people = {
    server: ada,
    owner: await somebody('Olga'),
    participant: await somebody('Pete'),
    viewer: await somebody('Vera'),
    removed: await somebody('Rem'),
    elsewhere: await somebody('Gus'),
  }
  const late = await somebody('Late')
  expired = late.cookie
  await sql`update session set expires_at = now() - interval '1 second' where person_id = ${late.person.id}`
  await sql`update person set kind = 'guest' where id in (${people.participant.person.id}, ${people.elsewhere.person.id}, ${people.removed.person.id})`
  for (const actor of ACTORS) tabs.set(actor, await connect(server, people[actor].cookie))
  await tab('elsewhere').rpc.conversation.create({ id: newId(), title: 'Another room' })
}, 60_000)

afterAll(async () => {
  for (const client of tabs.values()) await client.close()
  await sql.close()
  expect(await server.stop()).toBe(0)
  await postgres.stop()
}, 30_000)

function tab(actor: Actor): TestClient {
  const client = tabs.get(actor)
  if (!client) throw new Error(`no tab of ${actor}`)
  return client
}

function nowhere(actor: Actor): World {
  const names = {
    room: newId(),
    done: newId(),
    stopped: newId(),
    queued: newId(),
    link: newId(),
    preset: newId(),
    session: newId(),
    passkey: newToken(),
    viewer: newId(),
  }
  return { ...names, waiting: [newId(), newId()], self: people[actor].person.id }
}

/** A room with everything in it, as it looks to an actor who is, or was, one of its people. */
async function makeWorld(actor: Actor): Promise<World> {
  const owner = people.owner.person.id
  const asker = actor === 'elsewhere' || actor === 'server' ? owner : people[actor].person.id
  const world = { ...nowhere(actor), viewer: people.viewer.person.id }
  const replies = [newId(), newId()]
  const { room, link } = world
  await sql.begin(async (tx) => {
    await tx`insert into conversation (id, revision, title, instructions, count, head_id, created_by, changed)
      values (${room}, 8, ${`${CANARY} title`}, ${CANARY}, 8, ${replies[1]}, ${owner}, pg_current_xact_id())`
    for (const role of INSIDERS)
      await tx`insert into member (conversation_id, person_id, role, changed) values (${room}, ${people[role].person.id}, ${role}, pg_current_xact_id())`
    await tx`insert into departure (conversation_id, person_id, removed, changed) values (${room}, ${people.removed.person.id}, true, pg_current_xact_id())`
    const rows = [
      [newId(), null, 'prompt', owner, null],
      [world.done, null, 'reply', owner, 'complete'],
      [newId(), world.done, 'prompt', owner, null],
      [world.stopped, null, 'reply', owner, 'stopped'],
      [world.waiting[0], world.stopped, 'prompt', asker, null],
      [replies[0], world.waiting[0], 'reply', asker, 'queued'],
      [world.waiting[1], replies[0], 'prompt', asker, null],
      [replies[1], world.waiting[1], 'reply', asker, 'queued'],
    ] as const
    for (const [index, [id, parentId, kind, authorId, state]] of rows.entries())
      await tx`insert into message (id, conversation_id, parent_id, kind, author_id, text, position, revision, state)
        values (${id}, ${room}, ${parentId}, ${kind}, ${authorId}, ${state === 'queued' ? '' : `${CANARY} ${index}`}, ${index + 1}, ${index + 1}, ${state})`
    await tx`insert into link (id, token_hash, kind, conversation_id, role, created_by) values (${link}, ${newToken()}, 'invite', ${room}, 'viewer', ${owner})`
    // There may be so many of one person's.
    await tx`delete from preset`
    await tx`insert into preset (id, person_id, kind, name, text) values (${world.preset}, ${owner}, 'prompt', ${CANARY}, ${CANARY})`
    await tx`insert into session (id, token_hash, person_id, expires_at) values (${world.session}, ${newToken()}, ${owner}, now() + interval '1 day')`
    await tx`insert into passkey (id, person_id, host, public_key, counter, transports, name)
      values (${world.passkey}, ${owner}, 'localhost', 'AAAA', 0, '[]', ${CANARY})`
  })
  return { ...world, queued: replies[0] ?? '' }
}

/** All that others have and a call could have touched, but for what changes by looking. */
async function stateOf({ room, session, passkey, viewer, preset }: World): Promise<string> {
  const [row] = await sql`select
    (select json_agg(to_jsonb(c) - 'changed') from conversation c where id = ${room}) as room,
    (select json_agg(m order by position) from message m where conversation_id = ${room}) as messages,
    (select json_agg(to_jsonb(m) - 'read' - 'changed' order by person_id) from member m where conversation_id = ${room}) as members,
    (select json_agg(d) from departure d where conversation_id = ${room}) as departed,
    (select json_agg(l order by id) from link l where conversation_id = ${room}) as links,
    (select json_agg(s.id) from session s where id = ${session}) as session,
    (select json_agg(p) from passkey p where id = ${passkey}) as passkey,
    (select json_agg(to_jsonb(p) - 'seen_at') from person p where id = ${viewer}) as viewer,
    (select json_agg(p) from preset p where id = ${preset}) as presets,
    (select json_agg(s) from setting s) as settings`
  return JSON.stringify(row)
}

type Answer = { readonly outcome: string; readonly body: string }

async function ask(actor: Actor, path: string, input: unknown): Promise<Answer> {
  // A typed client has a method for every path; the matrix has them as text.
  let call: unknown = tab(actor).rpc
  for (const part of path.slice(1).split('/')) call = (call as Record<string, unknown>)[part]
  try {
    const answer = await calmly(() => (call as (json: unknown) => Promise<unknown>)(input))
    return { outcome: 'answered', body: JSON.stringify(answer) }
  } catch (error) {
    if (!(error instanceof ORPCError)) throw error
    const { code, status, data, message }: { code: string; status: number; data: Record<string, unknown>; message: string } = error
    return { outcome: [code, data?.['reason'] ?? data?.['what']].join(' '), body: JSON.stringify([status, data, message]) }
  }
}

test('every procedure has a row', () => {
  const paths = new Set(ROWS.map(({ path }) => path))
  expect([...paths].sort()).toEqual(
    proceduresOf(contract)
      .map(({ path }) => path)
      .sort(),
  )
})

for (const [number, row] of ROWS.entries()) {
  const { path, input, outcomes, server: servers, tells } = row
  test(`${path} (${number + 1}): everybody gets what is theirs, and nobody anything else`, async () => {
    for (const actor of ACTORS) {
      const outside = !INSIDERS.some((one) => one === actor)
      const wanted = actor === 'server' && servers ? servers : (outcomes[outside ? 3 : ACTORS.indexOf(actor)] ?? 'ok')
      const allowed = wanted === 'ok' || wanted === 'own' || wanted === 'nothing'
      const world = await makeWorld(actor)
      const before = await stateOf(world)
      const heard = tab(actor).frames.length
      const answer = await ask(actor, path, input(world))
      const seen = `${actor}: ${answer.outcome}`
      expect(seen).toBe(`${actor}: ${allowed ? 'answered' : wanted}`)
      if (wanted !== 'ok' && !(wanted === 'own' && actor === 'viewer')) expect(await stateOf(world)).toBe(before)
      if (!outside) continue
      expect(`${actor}: ${answer.body}`).not.toContain(CANARY)
      if (wanted !== 'own' && !tells && wanted !== 'ok') expect(await ask(actor, path, input(nowhere(actor)))).toEqual(answer)
      // Nor does anything of the room reach them from now on.
      const note = { id: newId(), conversationId: world.room, text: CANARY, kind: 'note' as const, replyId: newId() }
      await calmly(() => tab('owner').rpc.message.send(note))
      await calmly(() => tab(actor).rpc.session.me({}))
      expect(
        tab(actor)
          .frames.slice(heard)
          .filter((frame) => JSON.stringify(frame).includes(world.room)),
      ).toEqual([])
    }
  }, 20_000)
}

test('whoever is not in a room is answered by every procedure while the room is held: they wait in no line of it', async () => {
  for (const actor of ['removed', 'elsewhere'] as const) {
    const world = await makeWorld(actor)
    await sql.begin(async (tx) => {
      await tx`select 1 from conversation where id = ${world.room} for update`
      for (const { path, input, outcomes } of ROWS) {
        const wanted = outcomes[3] === 'own' || outcomes[3] === 'nothing' ? 'answered' : outcomes[3]
        const { outcome } = await ask(actor, path, input(world))
        expect(`${actor} ${path}: ${outcome}`).toBe(`${actor} ${path}: ${wanted}`)
      }
    })
  }
}, 30_000)

test('without a session that lasts there is no socket, and no procedure has another way in', async () => {
  const origin = new URL(server.url).origin
  const upgrade = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  for (const cookie of ['', expired]) {
    const answer = await fetch(new URL('/rpc?wire=1', server.url), { headers: { origin, cookie, ...upgrade } })
    expect(answer.status).toBe(401)
  }
  for (const { path } of proceduresOf(contract)) {
    for (const cookie of ['', expired, people.server.cookie]) {
      for (const method of ['GET', 'POST']) {
        const body = method === 'POST' ? JSON.stringify({ json: {} }) : null
        const headers = { origin, cookie, 'content-type': 'application/json' }
        expect((await fetch(new URL(`/rpc${path}`, server.url), { method, headers, body })).status).toBe(404)
      }
    }
  }
})

test('a page says nothing of a room, and looks the same for one that is foreign and one that does not exist', async () => {
  const { room } = await makeWorld('owner')
  const page = async (path: string, cookie: string) => {
    const answer = await fetch(new URL(path, server.url), { headers: { cookie }, redirect: 'manual' })
    const headers = [...answer.headers].filter(([name]) => name !== 'date')
    return { status: answer.status, text: JSON.stringify([answer.status, headers, await answer.text()]) }
  }
  for (const cookie of [...ACTORS.map((actor) => people[actor].cookie), expired, '']) {
    for (const path of [`/c/${room}`, `/s/${room}`, `/assets/${room}`, `/${room}`, `/c/${room}/export`]) {
      const found = await page(path, cookie)
      expect(found.text).not.toContain(CANARY)
      const other = newId()
      const unknown = await page(path.replace(room, other), cookie)
      expect(unknown.text.replaceAll(other, room)).toBe(found.text)
    }
    for (const path of ['/', '/enter', '/shell', '/healthz']) expect((await page(path, cookie)).text).not.toContain(CANARY)
  }
  for (const cookie of [expired, '']) {
    for (const path of ['/', `/c/${room}`]) expect((await page(path, cookie)).status).toBe(303)
  }
})
