import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { LIMITS, newId } from '#contract'
import { LOST, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { connect } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import {
  articles,
  composer,
  connected,
  createRoom,
  idOf,
  online,
  openRoom,
  prompts,
  reply,
  rooms,
  say,
  storedDraft,
} from '../support/room-page.ts'

const stage = await setBrowserStage()
const { emulator, server, browser, owner, stop } = stage
const { cookie } = owner
let { wire } = stage
let context: BrowserContext
let elsewhere: BrowserContext

beforeAll(async () => {
  context = await signedInContext(browser, server)
  elsewhere = await signedInContext(browser, server)
}, 60_000)
afterAll(stop, 30_000)

/** Every text that was sent to the model as a prompt of its own, and the people's messages in the room in the order of the server. */
async function said(conversationId: string): Promise<string[]> {
  const { messages } = await wire.rpc.conversation.pull({ id: conversationId, since: 0, limit: LIMITS.maxPageRows })
  return messages
    .toSorted((a, b) => a.position - b.position)
    .filter(({ kind }) => kind === 'prompt')
    .map(({ text }) => text)
}

/** Counts, for each message id, how often a page sends it. */
function countSends(page: Page, sends: Map<string, number>): void {
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      const id = /message\/send.*?"id":"([^"]+)"/s.exec(payload.toString())?.[1]
      if (id !== undefined) sends.set(id, (sends.get(id) ?? 0) + 1)
    }),
  )
}

test('what waits for a connection is taken back into the box, and never sent', async () => {
  const id = await createRoom(wire, 'Second thoughts')
  const page = await openRoom(await context.newPage(), server, id)
  await say(page, '[[chunks=1]] the first')
  await reply(page, 'complete').waitFor()
  const row = rooms(page)
    .locator('[data-id]')
    .filter({ has: page.locator(`a[href="/c/${id}"]`) })
  const before = await row.textContent()
  await context.setOffline(true)
  await connected(page, 'offline')
  await say(page, 'rather not')
  await eventually(async () => (await row.textContent())?.includes('rather not') === true)
  await composer(page).fill('something else')
  await prompts(page, 'pending').getByRole('button', { name: 'Take back' }).click()
  await prompts(page, 'pending').waitFor({ state: 'detached' })
  await eventually(async () => (await composer(page).inputValue()) === 'rather not\n\nsomething else')
  await eventually(async () => (await row.textContent()) === before)
  await context.setOffline(false)
  await online(page)
  await composer(page).fill('[[chunks=1]] this one')
  await composer(page).press('Enter')
  await eventually(async () => (await reply(page, 'complete').count()) === 2)
  expect(await said(id)).toEqual(['[[chunks=1]] the first', '[[chunks=1]] this one'])
  await page.close()
}, 60_000)

test('what is written offline is shown at once as unsent, and sent once and in order when the network is back', async () => {
  const id = await createRoom(wire)
  const sends = new Map<string, number>()
  const page = await context.newPage()
  countSends(page, sends)
  const seen = watch(page, server)
  await openRoom(page, server, id)
  const far = await openRoom(await elsewhere.newPage(), server, id)
  await context.setOffline(true)
  await connected(page, 'offline')
  for (const text of ['one', 'two', 'three']) await say(page, `[[chunks=2 every=1]] ${text}`)
  await eventually(async () => (await prompts(page, 'pending').count()) === 3)
  await prompts(page).first().getByText('kept here until there is a connection').waitFor()
  await page.getByRole('status').getByText('3 messages are waiting').waitFor()
  await rooms(page).getByText('unsent').waitFor()
  expect(await prompts(far).count()).toBe(0)

  await context.setOffline(false)
  await eventually(async () => (await prompts(page, 'sent').count()) === 3, 20_000)
  const wanted = ['one', 'two', 'three'].map((text) => `[[chunks=2 every=1]] ${text}`)
  for (const tab of [page, far]) {
    await eventually(async () => (await reply(tab, 'complete').count()) === 3, 20_000)
    expect(await prompts(tab).locator('[data-part="text"]').allTextContents()).toEqual(wanted)
  }
  expect(await said(id)).toEqual(wanted)
  for (const text of wanted) expect(emulator.requests.filter(({ prompt }) => prompt === text)).toHaveLength(1)
  expect([...sends.values()]).toEqual([1, 1, 1])
  seen.expectQuiet(...LOST)
  await page.close()
  await far.close()
}, 60_000)

test('what was written while the server was away outlives the tab, and is sent once when the page is opened again', async () => {
  const id = await createRoom(wire)
  const page = await openRoom(await context.newPage(), server, id)
  await server.kill()
  await connected(page, 'offline')
  await say(page, '[[chunks=2 every=1]] written while')
  await say(page, '[[chunks=2 every=1]] it was away')
  await eventually(async () => (await prompts(page, 'pending').count()) === 2)
  await composer(page).fill('and not finished')
  await eventually(async () => (await storedDraft(page, id)) === 'and not finished')
  await page.close()

  await server.restart()
  wire = await connect(server, cookie)
  const again = await context.newPage()
  const sends = new Map<string, number>()
  countSends(again, sends)
  await openRoom(again, server, id)
  await eventually(async () => (await reply(again, 'complete').count()) === 2, 20_000)
  await again.reload()
  await online(again)
  await eventually(async () => (await reply(again, 'complete').count()) === 2)
  expect(await articles(again).evaluateAll((all) => all.map((article) => article.getAttribute('data-role')))).toEqual([
    'user',
    'model',
    'user',
    'model',
  ])
  expect(await said(id)).toEqual(['[[chunks=2 every=1]] written while', '[[chunks=2 every=1]] it was away'])
  expect([...sends.values()]).toEqual([1, 1])
  expect(await composer(again).inputValue()).toBe('and not finished')
  await again.close()
}, 60_000)

test('a room that was begun offline comes to be, with what was said in it', async () => {
  const page = await openRoom(await context.newPage(), server, await createRoom(wire, 'Before'))
  const before = page.url()
  await context.setOffline(true)
  await connected(page, 'offline')
  await page.getByRole('button', { name: 'New conversation' }).click()
  await eventually(() => page.url() !== before)
  await say(page, '[[chunks=2 every=1]] begun without a network')
  await prompts(page, 'pending').waitFor()
  await context.setOffline(false)
  await reply(page, 'complete').waitFor()
  expect(await said(page.url().slice(-36))).toEqual(['[[chunks=2 every=1]] begun without a network'])
  await page.close()
}, 60_000)

test('two tabs that both have something to send and share one outbox send everything once', async () => {
  const id = await createRoom(wire)
  const sends = new Map<string, number>()
  const [left, right] = [await context.newPage(), await context.newPage()]
  const pages = [left, right]
  for (const page of pages) {
    countSends(page, sends)
    await openRoom(page, server, id)
  }
  await context.setOffline(true)
  for (const page of pages) await connected(page, 'offline')
  for (const [index, page] of pages.entries()) for (const text of ['a', 'b', 'c']) await say(page, `[[chunks=2 every=1]] ${text}${index}`)
  for (const page of pages) await eventually(async () => (await prompts(page, 'pending').count()) === 6)
  const order = await prompts(left).evaluateAll((all) => all.map((article) => article.getAttribute('data-message-id') ?? ''))
  await context.setOffline(false)
  for (const page of pages) await eventually(async () => (await reply(page, 'complete').count()) === 6, 20_000)
  for (const page of pages) {
    expect(await prompts(page).evaluateAll((all) => all.map((article) => article.getAttribute('data-message-id')))).toEqual(order)
    await page.close()
  }
  expect([...sends.keys()].sort()).toEqual(order.toSorted())
  expect([...sends.values()]).toEqual(order.map(() => 1))
  expect(await said(id)).toHaveLength(6)
}, 60_000)

test('a tab that the browser has frozen sends and shows everything as soon as it wakes', async () => {
  const id = await createRoom(wire)
  const page = await openRoom(await context.newPage(), server, id)
  const session = await context.newCDPSession(page)
  await context.setOffline(true)
  await connected(page, 'offline')
  await say(page, '[[chunks=2 every=1]] before the sleep')
  await prompts(page, 'pending').waitFor()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await wire.rpc.message.send({ id: newId(), conversationId: id, text: 'meanwhile', kind: 'note', replyId: newId() })
  await context.setOffline(false)
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  await reply(page, 'complete').waitFor({ timeout: 10_000 })
  expect(await articles(page).locator('[data-part="text"]').allTextContents()).toEqual([
    'meanwhile',
    '[[chunks=2 every=1]] before the sleep',
    expect.any(String),
  ])
  await page.close()
}, 60_000)

test('a message that the server refuses says why, and can be sent again or given up', async () => {
  const id = await createRoom(wire)
  const page = await openRoom(await context.newPage(), server, id)
  const sends = new Map<string, number>()
  countSends(page, sends)
  await context.setOffline(true)
  await connected(page, 'offline')
  await say(page, 'first refused')
  await say(page, 'second refused')
  await eventually(async () => (await prompts(page, 'pending').count()) === 2)
  // Somebody else has used the same ids: nothing that a person does brings this about, but a server may always refuse.
  for (const message of await prompts(page).all()) {
    const input = {
      id: await idOf(message),
      conversationId: await createRoom(wire),
      text: 'taken',
      kind: 'note',
      replyId: newId(),
    } as const
    await wire.rpc.message.send(input)
  }
  await context.setOffline(false)
  await eventually(async () => (await prompts(page, 'failed').count()) === 2, 20_000)
  await prompts(page, 'failed').first().getByText('Not sent:').waitFor()
  await rooms(page).getByText('not sent').waitFor()

  // Refused once more: sent again, and then as before. The count alone would hold before the click has done anything, too.
  const retried = await idOf(prompts(page, 'failed').first())
  await prompts(page, 'failed').first().getByRole('button', { name: 'Retry' }).click()
  await eventually(async () => sends.get(retried) === 2 && (await prompts(page, 'failed').count()) === 2)
  await prompts(page, 'failed').first().getByRole('button', { name: 'Discard' }).click()
  await eventually(async () => (await composer(page).inputValue()) === 'first refused')
  await prompts(page, 'failed').first().getByRole('button', { name: 'Discard' }).click()
  await eventually(async () => (await prompts(page).count()) === 0)
  expect(await composer(page).inputValue()).toBe('first refused')
  await composer(page).fill('[[chunks=2 every=1]] accepted')
  await composer(page).press('Enter')
  await reply(page, 'complete').waitFor()
  await page.close()
}, 60_000)

test('prompts beyond the queue of a room wait for it, and are answered in their order', async () => {
  const id = await createRoom(wire)
  const page = await openRoom(await context.newPage(), server, id)
  await say(page, 'the first [[hand]]')
  const answer = await emulator.next({ prompt: 'the first' })
  // The one that runs counts, too.
  for (let count = 1; count < LIMITS.queuedReplies; count++) {
    await wire.rpc.message.send({
      id: newId(),
      conversationId: id,
      text: `[[chunks=1 every=1]] ${count}`,
      kind: 'prompt',
      replyId: newId(),
    })
  }
  await say(page, '[[chunks=1 every=1]] the last')
  await prompts(page, 'pending').waitFor()
  await answer.write('done')
  await answer.finish()
  await eventually(async () => (await reply(page, 'complete').count()) === LIMITS.queuedReplies + 1, 30_000)
  expect((await said(id)).at(-1)).toBe('[[chunks=1 every=1]] the last')
  await page.close()
}, 60_000)

test('every room keeps its own draft, through other rooms and a reload', async () => {
  const [one, two] = [await createRoom(wire, 'Room one'), await createRoom(wire, 'Room two')]
  const page = await openRoom(await context.newPage(), server, one)
  const goTo = async (name: string) => {
    await rooms(page).getByRole('link', { name }).click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
  }
  await composer(page).fill('for the first')
  await goTo('Room two')
  await eventually(async () => (await composer(page).inputValue()) === '')
  await composer(page).fill('for the second')
  await goTo('Room one')
  await eventually(async () => (await composer(page).inputValue()) === 'for the first')
  await eventually(async () => (await storedDraft(page, two)) === 'for the second')
  await page.reload()
  await eventually(async () => (await composer(page).inputValue()) === 'for the first')
  await goTo('Room two')
  await eventually(async () => (await composer(page).inputValue()) === 'for the second')
  await page.goBack()
  await eventually(async () => (await composer(page).inputValue()) === 'for the first')
  await page.close()
}, 60_000)
