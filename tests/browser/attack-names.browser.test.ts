import { afterAll, beforeAll, expect, test } from 'bun:test'
import { LIMITS, newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { seed, setStage, type Stage } from '../support/attack-stage.ts'
import { fitting, makeAttacks, packed } from '../support/attacks.ts'
import { DESKTOP } from '../support/browser.ts'
import { eachCalmly } from '../support/calmly.ts'
import { connect } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { comeIn, inviteTo } from '../support/people.ts'
import { createRoom, listedNames, openRoom } from '../support/room-page.ts'

const attacks = makeAttacks(seed())

/** Two or three fit into a label, and the owner of the server is shown a thousand links. */
const LABELLED = 2_000
/** Of titles and names, one of so many is also looked at where each takes a page of its own. */
const EVERY_SO_MANY = 100

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
}, 60_000)
afterAll(() => stage?.stop(), 30_000)

test('all of them as names', async () => {
  const { app, openBoth, reader, server, watch, wire } = stage
  const names = fitting(attacks, LIMITS.nameLength)
  const { id } = await openBoth('Names')
  const { token } = await inviteTo(wire, id)
  // By the door they come in with such a name, too.
  const guests = await Promise.all(
    names.slice(0, LIMITS.peoplePerRoom - 1).map(async (name) => connect(server, (await comeIn(server, token, name)).cookie)),
  )
  const [first] = guests
  if (!first) throw new Error('nobody came')
  for (const guest of guests.slice(0, 10)) {
    const replyId = newId()
    await guest.rpc.message.send({ id: newId(), conversationId: id, text: '[[chunks=1 every=1]]', kind: 'prompt', replyId })
    await wire.hearEnd(replyId)
  }
  await app.getByRole('button', { name: /^People:/ }).click()
  const panel = app.getByRole('dialog', { name: 'People' })
  for (let from = 0; from < names.length; from += guests.length) {
    const here = names.slice(from, from + guests.length)
    await Promise.all(here.map((name, index) => guests[index]?.rpc.session.rename({ name })))
    await first.rpc.presence.typing({ conversationId: id })
    await eventually(async () => {
      const shown = (await panel.locator('.panel-words > span:first-child').allTextContents()).join('\n')
      return here.every((name) => shown.includes(name))
    }, 20_000)
    await reader.reload()
    await watch.audit(reader)
  }
  await watch.audit(app)

  for (const name of names.filter((_, index) => index % EVERY_SO_MANY === 0)) {
    await wire.rpc.session.rename({ name })
    await app.goto(`${server.url}/enter#${token}`)
    await app.getByText(name).first().waitFor()
    await openRoom(app, server, id)
  }
  await watch.audit(app)
  watch.expectNothing()
}, 180_000)

test('all of them as titles and as labels of links', async () => {
  const { app, openBoth, reader, watch, wire, wires, withoutScripts } = stage
  const titles = packed(fitting(attacks, LIMITS.titleLength / 2 - 1), LIMITS.titleLength)
  await eachCalmly(wires, titles, (socket, title) => socket.rpc.conversation.create({ id: newId(), title }))
  const { id, url } = await openBoth('Titles')
  // Few of them would be drawn at a time, and scrolled to one window after the other.
  await app.setViewportSize({ ...DESKTOP, height: 10_000 })
  await eventually(async () => {
    const shown = await listedNames(app)
    return titles.every((title) => shown.has(title))
  }, 30_000)
  await app.setViewportSize(DESKTOP)
  for (const title of titles.filter((_, index) => index % EVERY_SO_MANY === 0)) {
    await wire.rpc.conversation.update({ id, title })
    for (const page of [app, reader]) await eventually(async () => (await page.getByRole('heading', { level: 1 }).textContent()) === title)
    await withoutScripts(url, 0)
  }

  const labels = packed(fitting(attacks.slice(0, LABELLED), LIMITS.linkLabelLength / 2 - 1), LIMITS.linkLabelLength)
  const linked = await Promise.all(Array.from({ length: Math.ceil(labels.length / LIMITS.linksAtOnce) }, () => createRoom(wire, 'Links')))
  await eachCalmly(wires, labels.entries(), (socket, [index, text]) => {
    const conversationId = linked[index % linked.length] ?? ''
    const terms = { id: newId(), token: newToken(), conversationId, label: text, lastsMs: null }
    return index % 2 === 0 ? socket.rpc.link.share(terms) : socket.rpc.link.invite({ ...terms, role: 'viewer', uses: null })
  })
  await app.getByTitle(/^Settings/).click()
  await app.getByRole('button', { name: 'People, links, budgets' }).click()
  const panel = app.getByRole('dialog', { name: 'This server' })
  await eventually(async () => {
    const shown = (await panel.locator('.panel-words > span:first-child').allTextContents()).join('\n')
    return labels.every((text) => shown.includes(text))
  }, 30_000)
  await panel
    .getByRole('button', { name: /^Revoke / })
    .last()
    .click()
  await app.getByRole('dialog', { name: 'Revoke this link?' }).waitFor()
  await watch.audit(app)
  await watch.audit(reader)
  watch.expectNothing()
}, 180_000)

test('the browser’s own log of the network knows of no attacker', async () => {
  expect(await stage.watch.close()).toEqual([])
}, 30_000)
