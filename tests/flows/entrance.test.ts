import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { connect, type TestClient } from '../support/client.ts'
import { comeIn, type Entered, enter, freshLink, inviteTo, postEnter, postLook, spend, shareRoom } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* What the page at the door asks before it shows a form. */

let server: TestServer
let ada: Entered
let tab: TestClient
let room: string

beforeAll(async () => {
  server = await startServer()
}, 60_000)
afterAll(async () => {
  expect(await server.stop()).toBe(0)
}, 30_000)

async function look(token: string, cookie?: string): Promise<unknown> {
  const answer = await postLook(server, { token }, cookie ? { cookie } : {})
  return { status: answer.status, ...(await answer.json()) }
}

const SPENT = { status: 410, error: 'link_spent' }
const tokenOf = (link: string) => new URL(link).hash.slice(1)

test('whoever will own the server is asked for a name, and called by it from then on', async () => {
  const claim = tokenOf(await server.claimLink())
  // As often as one likes: nothing is spent by it.
  for (let time = 0; time < 3; time++) expect(await look(claim)).toEqual({ status: 200, kind: 'claim', name: null })
  await spend(server, `${server.url}/enter#${claim}`, 'Ada')
  expect(await look(claim)).toEqual(SPENT)
  const later = await freshLink(server)
  expect(await look(tokenOf(later))).toEqual({ status: 200, kind: 'claim', name: 'Ada' })

  ada = await enter(server)
  tab = await connect(server, ada.cookie)
  room = newId()
  await tab.rpc.conversation.create({ id: room })
})

test('a device is told whose it will be, until its link is used', async () => {
  const secret = { id: newId(), token: newToken() }
  await tab.rpc.link.device(secret)
  expect(await look(secret.token)).toEqual({ status: 200, kind: 'device', name: 'Ada' })
  await spend(server, `${server.url}/enter#${secret.token}`)
  expect(await look(secret.token)).toEqual(SPENT)
})

test('a guest is asked for a name, somebody who is known is not, and who is in is led there by a link that is used up', async () => {
  const invitation = await inviteTo(tab, room, { uses: 1 })
  expect(await look(invitation.token)).toEqual({ status: 200, kind: 'invite', name: null, by: 'Ada' })
  expect(await look(invitation.token, ada.cookie)).toEqual({ status: 200, kind: 'invite', name: 'Ada', by: 'Ada' })
  const { links } = await tab.rpc.link.list({ conversationId: room })
  expect(links.find(({ id }) => id === invitation.id)?.usesLeft).toBe(1)

  const mara = await comeIn(server, invitation.token, 'Mara')
  expect(await look(invitation.token)).toEqual(SPENT)
  expect(await look(invitation.token, mara.cookie)).toEqual({ status: 200, kind: 'invite', name: 'Mara', by: 'Ada' })
})

test('what opens nothing looks the same, whatever it is, and as it does to whoever enters', async () => {
  const revoked = await inviteTo(tab, room)
  await tab.rpc.link.revoke({ id: revoked.id, people: false })
  const share = await shareRoom(tab, room)
  for (const token of [revoked.token, share.token, newToken(), 'x', '']) {
    expect(await look(token), token).toEqual(SPENT)
    const entered = await postEnter(server, { token, name: 'Eve' })
    expect({ status: entered.status, ...(await entered.json()) }, token).toEqual(SPENT)
  }
})

test('only pages of this server are answered, and secrets are not guessed here either', async () => {
  const foreign = await postLook(server, { token: newToken() }, { origin: 'https://evil.example' })
  expect({ status: foreign.status, ...(await foreign.json()) }).toEqual({ status: 403, error: 'foreign_origin' })
  const bad = await postLook(server, 'no object')
  expect({ status: bad.status, ...(await bad.json()) }).toEqual({ status: 400, error: 'bad_request' })

  const statuses: number[] = []
  for (let time = 0; time < 25; time++) statuses.push((await postLook(server, { token: newToken() })).status)
  expect(statuses.at(0)).toBe(410)
  expect(statuses.at(-1)).toBe(429)
  await tab.close()
})
