import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ORPCError } from '@orpc/client'
import { LIMITS, newId } from '#contract'
import {
  type CborValue,
  type DevicePasskey,
  makePasskey,
  newKeys,
  type Question,
  type Signed,
  type Twist,
  usePasskey,
} from '../support/authenticator.ts'
import { connect, type TestClient } from '../support/client.ts'
import { comeIn, type Entered, enter, inviteTo } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* Coming in by a passkey, with a device in software that can also lie. */

let server: TestServer
let origin: string
let ada: Entered
let tab: TestClient
let mara: Entered
let marasTab: TestClient
/** Ada's. */
let device: DevicePasskey
let address = 0

beforeAll(async () => {
  // So that each request can come from an address of its own: those that fail are counted.
  server = await startServer({ env: { TRUST_PROXY: '1' } })
  origin = new URL(server.url).origin
  ada = await enter(server)
  tab = await connect(server, ada.cookie)
  const room = newId()
  await tab.rpc.conversation.create({ id: room })
  mara = await comeIn(server, (await inviteTo(tab, room)).token, 'Mara')
  marasTab = await connect(server, mara.cookie)
}, 60_000)
afterAll(async () => {
  await tab.close()
  await marasTab.close()
  expect(await server.stop()).toBe(0)
}, 30_000)

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const from = `10.0.${++address >> 8}.${address & 0xff}`
  return fetch(new URL(path, server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin, 'x-forwarded-for': from, ...headers },
    body: JSON.stringify(body),
  })
}

async function ask(): Promise<Question> {
  const answer = await post('/auth/passkey/ask', {})
  expect(answer.status).toBe(200)
  return answer.json()
}

async function signIn(signed: Partial<Signed>, headers: Record<string, string> = {}) {
  const answer = await post('/auth/passkey/enter', signed, headers)
  const [set] = answer.headers.getSetCookie()
  return { said: { status: answer.status, ...(await answer.json()) }, cookie: set?.split(';')[0] ?? null, set }
}

async function add(client: TestClient, twist: Twist = {}): Promise<DevicePasskey> {
  const made = await makePasskey(await client.rpc.passkey.offer({}), origin, twist)
  await client.rpc.passkey.add({ name: 'Chrome on Linux', credential: made.credential })
  return made.device
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    return `answered ${JSON.stringify(await call)}`
  } catch (error) {
    if (!(error instanceof ORPCError)) throw error
    const { code, data }: { code: string; data: Record<string, unknown> | undefined } = error
    return [code, data?.['reason'] ?? data?.['limit']].join(' ')
  }
}

const REFUSED = { status: 403, error: 'passkey_refused' }
const LATE = { status: 410, error: 'passkey_late' }
const listed = async (client: TestClient) => (await client.rpc.passkey.list({})).passkeys

test('whoever is in makes a passkey, and comes in by it in a browser that knows nobody, as the same person', async () => {
  const offer = await tab.rpc.passkey.offer({})
  expect(offer).toMatchObject({ rp: { id: 'localhost' }, user: { name: 'Ada' }, excludeCredentials: [] })
  const made = await makePasskey(offer, origin)
  device = made.device
  const added = await tab.rpc.passkey.add({ name: 'Chrome\u202E on\nLinux', credential: made.credential })
  expect(added).toMatchObject({ id: device.id, name: 'Chrome on Linux', host: 'localhost', usedAt: null })
  expect(await tab.rpc.passkey.list({})).toEqual({ host: 'localhost', passkeys: [added] })
  // Such a device is not asked to make another one.
  expect((await tab.rpc.passkey.offer({})).excludeCredentials).toEqual([{ type: 'public-key', id: device.id, transports: ['internal'] }])

  const { said, cookie, set } = await signIn(await usePasskey(device, await ask(), origin), { 'user-agent': 'Firefox/140 (Android)' })
  expect(said).toEqual({ status: 200 })
  expect(set).toContain('HttpOnly; SameSite=Lax')
  const other = await connect(server, cookie ?? '')
  expect((await other.rpc.session.me({})).person).toEqual(ada.person)
  expect((await other.rpc.session.list({})).sessions.at(-1)).toMatchObject({ label: 'Firefox/140 (Android)', current: true })
  await other.close()
  expect((await listed(tab))[0]?.usedAt).toBeNumber()
  expect(await listed(marasTab)).toEqual([])
})

test('whoever is signed in already keeps their session, and somebody else’s ends', async () => {
  const again = await signIn(await usePasskey(device, await ask(), origin), { cookie: ada.cookie })
  expect(again).toMatchObject({ said: { status: 200 }, cookie: null })
  const marasOwn = await add(marasTab)
  const first = await signIn(await usePasskey(marasOwn, await ask(), origin))
  const theirs = await connect(server, first.cookie ?? '')
  const second = await signIn(await usePasskey(device, await ask(), origin), { cookie: first.cookie ?? '' })
  expect(second.said).toEqual({ status: 200 })
  expect((await theirs.closed).code).toBe(4401)
  await marasTab.rpc.passkey.remove({ id: marasOwn.id })
})

test('what is asked is answered once', async () => {
  const question = await ask()
  const signed = await usePasskey(device, question, origin)
  expect((await signIn(signed)).said).toEqual({ status: 200 })
  expect(await signIn(signed)).toMatchObject({ said: LATE, cookie: null })
  expect((await signIn(await usePasskey(device, question, origin))).said).toEqual(LATE)
  // Nor is an answer good that was signed for nobody, or for whoever makes a passkey.
  const unasked = await usePasskey(device, { ...question, challenge: question.challenge.toLowerCase() }, origin)
  expect((await signIn(unasked)).said).toEqual(LATE)
  const { challenge } = await tab.rpc.passkey.offer({})
  expect((await signIn(await usePasskey(device, { ...question, challenge }, origin))).said).toEqual(LATE)
  // A bad answer uses it up, too.
  const spent = await ask()
  expect((await signIn(await usePasskey(device, spent, origin, { verified: false }))).said).toEqual(REFUSED)
  expect((await signIn(await usePasskey(device, spent, origin))).said).toEqual(LATE)
})

describe('one answer to whatever does not open the door', () => {
  const twists: Record<string, () => Twist | Promise<Twist>> = {
    'signed on a page of another origin': () => ({ origin: 'https://evil.example' }),
    'signed on another port': () => ({ origin: 'http://localhost:1' }),
    'signed for another host': () => ({ host: 'evil.example' }),
    'signed for another purpose': () => ({ type: 'webauthn.create' }),
    'nobody was there': () => ({ present: false, verified: false }),
    'it was not seen who was there': () => ({ verified: false }),
    'signed with another key': async () => ({ keys: await newKeys() }),
    'said to be somebody else’s': async () => ({ userHandle: Buffer.from(mara.person.id).toString('base64url') }),
    'an unknown passkey': () => ({ id: 'AAAAAAAAAAAAAAAAAAAAAAAA' }),
    'counted as before': async () => {
      await signIn(await usePasskey(device, await ask(), origin))
      return { uses: device.uses }
    },
    'counted back': () => ({ uses: 1 }),
    'counted from the start': () => ({ uses: 0 }),
  }
  test.each(Object.keys(twists))('%s', async (name) => {
    const twist = await twists[name]?.()
    const signed = await usePasskey(device, await ask(), origin, twist)
    expect(await signIn(signed)).toEqual({ said: REFUSED, cookie: null, set: undefined })
  })

  test('an honest answer opens it after all that', async () => {
    expect((await signIn(await usePasskey(device, await ask(), origin))).said).toEqual({ status: 200 })
  })

  test('somebody who is disabled, until they are not any more', async () => {
    const hers = await add(marasTab)
    await tab.rpc.admin.updatePerson({ id: mara.person.id, disabled: true })
    expect((await marasTab.closed).code).toBe(4401)
    expect((await signIn(await usePasskey(hers, await ask(), origin))).said).toEqual(REFUSED)
    // Nor does the browser of somebody who is shut out become somebody else's by a passkey.
    const shutOut = await signIn(await usePasskey(device, await ask(), origin), { cookie: mara.cookie })
    expect(shutOut).toMatchObject({ said: REFUSED, cookie: null })
    await tab.rpc.admin.updatePerson({ id: mara.person.id, disabled: false })
    expect((await signIn(await usePasskey(hers, await ask(), origin))).said).toEqual({ status: 200 })
    marasTab = await connect(server, mara.cookie)
  })

  test('a passkey that was removed, which only its person can do', async () => {
    const spare = await add(tab)
    await marasTab.rpc.passkey.remove({ id: spare.id })
    expect((await signIn(await usePasskey(spare, await ask(), origin))).said).toEqual({ status: 200 })
    await tab.rpc.passkey.remove({ id: spare.id })
    await tab.rpc.passkey.remove({ id: spare.id })
    expect((await signIn(await usePasskey(spare, await ask(), origin))).said).toEqual(REFUSED)
    expect((await listed(tab)).map(({ id }) => id)).toEqual([device.id])
  })

  test('a device that never counts is believed', async () => {
    const still = await add(tab)
    for (let time = 0; time < 2; time++) {
      expect((await signIn(await usePasskey(still, await ask(), origin, { uses: 0 }))).said).toEqual({ status: 200 })
    }
    await tab.rpc.passkey.remove({ id: still.id })
  })

  test('of two answers with one count, one', async () => {
    const [one, other] = [await ask(), await ask()]
    const uses = ++device.uses
    const both = await Promise.all([one, other].map((question) => usePasskey(device, question, origin, { uses })))
    const answers = await Promise.all(both.map((signed) => signIn(signed)))
    expect(answers.map(({ said }) => said.status).sort()).toEqual([200, 403])
  })
})

test('what is no answer at all is said to be none', async () => {
  const signed = await usePasskey(device, await ask(), origin)
  for (const key of ['id', 'clientDataJSON', 'authenticatorData', 'signature', 'userHandle'] as const) {
    for (const value of [undefined, '', 1, null, {}, 'not base64url!', 'x'.repeat(5_000)]) {
      const { status, body } = await post('/auth/passkey/enter', { ...signed, [key]: value })
      await body?.cancel()
      expect([key, value, status]).toEqual([key, value, 400])
    }
  }
  const garbage = { ...signed, clientDataJSON: Buffer.from('{"challenge":1}').toString('base64url') }
  for (const body of [garbage, { ...garbage, clientDataJSON: 'AAAA' }]) expect((await signIn(body)).said).toEqual(REFUSED)
  const unreadable = { ...(await usePasskey(device, await ask(), origin)), authenticatorData: 'AAAA', signature: 'AAAA' }
  expect((await signIn(unreadable)).said).toEqual(REFUSED)
})

describe('making one', () => {
  const twists: Record<string, Twist> = {
    'on a page of another origin': { origin: 'https://evil.example' },
    'for another host': { host: 'evil.example' },
    'for another purpose': { type: 'webauthn.get' },
    'when it was not seen who was there': { verified: false },
    'under another id': { id: 'AAAAAAAAAAAAAAAAAAAAAAAA' },
    'with a key of a kind that was not asked for': { algorithm: -48 },
    'with a good certificate, which nobody has asked for': { attestation: 'certified' },
    'with a bad certificate': {
      attestation: {
        format: 'packed',
        statement: new Map<string, CborValue>([
          ['alg', -7],
          ['sig', new Uint8Array(70)],
          ['x5c', [new Uint8Array([0x30, 0])]],
        ]),
      },
    },
    'with a statement of a kind that nobody has asked for': { attestation: { format: 'apple', statement: new Map() } },
  }
  test.each(Object.keys(twists))('is refused %s', async (name) => {
    const before = await listed(tab)
    expect(await refusal(add(tab, twists[name]))).toBe('FORBIDDEN passkey')
    expect(await listed(tab)).toEqual(before)
  })

  test('takes what was offered to this session, once', async () => {
    const offer = await tab.rpc.passkey.offer({})
    const { credential } = await makePasskey(offer, origin)
    // Somebody else's offer, and one that was never made.
    await marasTab.rpc.passkey.offer({})
    expect(await refusal(marasTab.rpc.passkey.add({ name: '', credential }))).toBe('CONFLICT late')
    expect(await refusal(add(tab, { challenge: (await ask()).challenge }))).toBe('CONFLICT late')
    // A new offer ends the one before it.
    const newer = await tab.rpc.passkey.offer({})
    expect(await refusal(tab.rpc.passkey.add({ name: '', credential }))).toBe('CONFLICT late')
    const made = await makePasskey(newer, origin)
    expect(await refusal(tab.rpc.passkey.add({ name: '', credential: made.credential }))).toBe('CONFLICT late')

    const last = await makePasskey(await tab.rpc.passkey.offer({}), origin)
    await tab.rpc.passkey.add({ name: '', credential: last.credential })
    expect(await refusal(tab.rpc.passkey.add({ name: '', credential: last.credential }))).toBe('CONFLICT late')
    await tab.rpc.passkey.remove({ id: last.device.id })
  })

  test('ends at so many', async () => {
    const left = LIMITS.passkeysAtOnce - (await listed(tab)).length
    const made: DevicePasskey[] = []
    for (let count = 0; count < left; count++) made.push(await add(tab))
    expect(await refusal(add(tab))).toBe(`BUSY ${LIMITS.passkeysAtOnce}`)
    for (const { id } of made) await tab.rpc.passkey.remove({ id })
  })
})

test.each(['EdDSA', 'RS256'] as const)('a device may sign by %s', async (kind) => {
  const other = await add(tab, { kind })
  expect((await signIn(await usePasskey(other, await ask(), origin, { keys: await newKeys(kind) }))).said).toEqual(REFUSED)
  expect((await signIn(await usePasskey(other, await ask(), origin))).said).toEqual({ status: 200 })
  await tab.rpc.passkey.remove({ id: other.id })
})

test('behind a proxy one is made for the name that people know, opens the door there and nowhere else', async () => {
  const proxied = { host: 'chat.example.org', 'x-forwarded-proto': 'https' }
  const there = 'https://chat.example.org'
  const client = await connect(server, `__Host-${ada.cookie}`, { origin: there, headers: proxied })
  const offer = await client.rpc.passkey.offer({})
  expect(offer).toMatchObject({ rp: { id: 'chat.example.org' }, excludeCredentials: [] })
  const made = await makePasskey(offer, there)
  await client.rpc.passkey.add({ name: 'Phone', credential: made.credential })
  const askThere = async (): Promise<Question> => (await post('/auth/passkey/ask', {}, { ...proxied, origin: there })).json()
  const signInThere = (signed: Signed) => signIn(signed, { ...proxied, origin: there })
  const inside = await signInThere(await usePasskey(made.device, await askThere(), there))
  expect(inside.said).toEqual({ status: 200 })
  expect(inside.set).toMatch(/^__Host-confab.*; Secure$/)
  // Each of the two at the other's address: what is asked there, and what a browser there would sign.
  expect((await signIn(await usePasskey(made.device, await ask(), origin))).said).toEqual(REFUSED)
  expect((await signInThere(await usePasskey(device, await askThere(), there))).said).toEqual(REFUSED)
  // Nor is it good there what was asked here.
  expect((await signInThere(await usePasskey(made.device, await ask(), there, { host: proxied.host }))).said).toEqual(LATE)
  await client.rpc.passkey.remove({ id: made.device.id })
  await client.close()
})

test('there are passkeys over https by a host name and on localhost, and nowhere else', async () => {
  const at = async (host: string, proto: string) => {
    const headers = { host, 'x-forwarded-proto': proto }
    const page = await (await fetch(new URL('/enter', server.url), { headers })).text()
    const answer = await post('/auth/passkey/ask', {}, { ...headers, origin: `${proto}://${host}` })
    const question = await answer.json()
    return [host, proto, page.includes('data-passkeys="true"'), question.rpId ?? question.error]
  }
  for (const host of ['chat.example.org', 'chat.example.org:8443', 'localhost:3000', 'xn--bcher-kva.example'])
    expect(await at(host, 'https')).toEqual([host, 'https', true, host.replace(/:\d+$/, '')])
  for (const host of ['192.168.1.7', '127.0.0.1:3000', '[::1]:3000', '[2001:db8::1]'])
    expect(await at(host, 'https')).toEqual([host, 'https', false, 'no_passkeys'])
  expect(await at('localhost:3000', 'http')).toEqual(['localhost:3000', 'http', true, 'localhost'])
  for (const host of ['chat.example.org', '127.0.0.1:3000', 'localhost.evil.example'])
    expect(await at(host, 'http')).toEqual([host, 'http', false, 'no_passkeys'])
})

test('only pages of this server ask and answer, and whoever tries too often waits', async () => {
  for (const path of ['/auth/passkey/ask', '/auth/passkey/enter']) {
    const foreign = await post(path, {}, { origin: 'https://evil.example' })
    expect({ status: foreign.status, ...(await foreign.json()) }).toEqual({ status: 403, error: 'foreign_origin' })
  }
  const statuses: number[] = []
  for (let time = 0; time < 25; time++) {
    const signed = await usePasskey(device, await ask(), origin, { verified: false })
    statuses.push((await signIn(signed, { 'x-forwarded-for': '10.9.9.9' })).said.status)
  }
  expect([statuses.at(0), statuses.at(-1)]).toEqual([403, 429])
  const also = await post('/auth/passkey/ask', {}, { 'x-forwarded-for': '10.9.9.9' })
  expect(also.status).toBe(429)
})

test('the log says who made, used and removed one, and tells nothing that opens anything', async () => {
  const question = await ask()
  const signed = await usePasskey(device, question, origin)
  const { cookie } = await signIn(signed)
  const said = server.logs()
  for (const event of ['passkey.added', 'passkey.used', 'passkey.removed', 'passkey.counted_back']) expect(said).toContain(event)
  expect(said).toContain(ada.person.id)
  for (const secret of [...Object.values(signed), question.challenge, cookie?.split('=')[1] ?? 'no cookie'])
    expect(said).not.toContain(secret)
})
