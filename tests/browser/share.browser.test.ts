import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContext } from 'playwright'
import { newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { DESKTOP, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { connect } from '../support/client.ts'
import { enter } from '../support/people.ts'
import { articles, createRoom, openRoom, readsAs, reply, textOf } from '../support/room-page.ts'

const stage = await setBrowserStage()
const { emulator, server, browser, stop } = stage
let { wire } = stage
let stranger: BrowserContext

beforeAll(async () => {
  stranger = await browser.newContext({ viewport: DESKTOP })
}, 60_000)
afterAll(stop, 30_000)

async function share(conversationId: string, lastsMs: number | null = null) {
  const [id, token] = [newId(), newToken()]
  await wire.rpc.link.share({ id, token, conversationId, label: 'Readers', lastsMs })
  return { id, url: `${server.url}/s/${token}` }
}

async function ask(conversationId: string, text: string) {
  const replyId = newId()
  await wire.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId })
  return replyId
}

const FORMATTED = '## Plan\n\nFirst **pack**, then `leave`.\n\n- one\n- two'

test('a shared room is readable without a script, and holds no note', async () => {
  const id = await createRoom(wire, 'A trip')
  await wire.join(id)
  const replyId = await ask(id, 'Make a plan [[hand]]')
  const answer = await emulator.next({ prompt: 'Make a plan' })
  await answer.write(FORMATTED)
  await answer.finish()
  await wire.hearEnd(replyId)
  await wire.rpc.message.send({ id: newId(), conversationId: id, text: 'only for us', kind: 'note', replyId: newId() })
  const { url } = await share(id)
  const context = await browser.newContext({ viewport: DESKTOP, javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(url)
  await page.getByRole('heading', { level: 1, name: 'A trip' }).waitFor()
  expect(await articles(page).count()).toBe(2)
  await page.getByRole('heading', { level: 2, name: 'Plan' }).waitFor()
  expect(await reply(page).getByRole('listitem').count()).toBe(2)
  expect(await page.content()).not.toContain('only for us')
  await context.close()
}, 30_000)

test('with a script it goes live, shows every chunk, and never a note', async () => {
  const id = await createRoom(wire, 'Live')
  await wire.join(id)
  const { url } = await share(id)
  const page = await stranger.newPage()
  const seen = watch(page, server)
  await page.goto(url)
  await page.locator('[role="status"][data-connection="online"]').waitFor()
  const replyId = await ask(id, 'Tell me [[hand]]')
  const answer = await emulator.next({ prompt: 'Tell me' })
  await answer.write('The first ')
  await readsAs(reply(page, 'streaming'), 'The first')
  // Somebody who comes in the middle has the text so far, and what follows.
  const late = await stranger.newPage()
  await late.goto(url)
  await late.locator('[role="status"][data-connection="online"]').waitFor()
  await readsAs(reply(late, 'streaming'), 'The first')
  await wire.rpc.message.send({ id: newId(), conversationId: id, text: 'a secret note', kind: 'note', replyId: newId() })
  await answer.write('**word**.')
  for (const reader of [page, late]) await readsAs(reply(reader), 'The first word.')
  await answer.finish()
  await wire.hearEnd(replyId)
  for (const reader of [page, late]) {
    await reply(reader, 'complete').waitFor()
    expect(await reply(reader).locator('strong', { hasText: 'word' }).count()).toBe(1)
    expect(await articles(reader).count()).toBe(2)
    expect(await reader.content()).not.toContain('a secret note')
  }
  await late.reload()
  expect(await textOf(reply(late))).toBe(await textOf(reply(page)))
  seen.expectQuiet()
  await page.close()
  await late.close()
}, 60_000)

test('a reader whose connection was cut catches up', async () => {
  const id = await createRoom(wire, 'Cut')
  await wire.join(id)
  const { url } = await share(id)
  const page = await stranger.newPage()
  await page.goto(url)
  await page.locator('[role="status"][data-connection="online"]').waitFor()
  await stranger.setOffline(true)
  await server.restart()
  wire = await connect(server, (await enter(server)).cookie)
  await wire.join(id)
  const replyId = await ask(id, '[[chunks=3 every=1]] while you were away')
  const { text } = await wire.hearEnd(replyId)
  await stranger.setOffline(false)
  await readsAs(reply(page, 'complete'), text)
  expect(await articles(page).count()).toBe(2)
  await page.close()
}, 60_000)

test('an owner shares a room from the room, and the link opens it for anybody', async () => {
  const id = await createRoom(wire, 'From the panel')
  await wire.join(id)
  const { text } = await wire.hearEnd(await ask(id, '[[chunks=2 every=1]] shared by hand'))
  const context = await signedInContext(browser, server)
  const owner = await context.newPage()
  const seen = watch(owner, server)
  await openRoom(owner, server, id)
  await owner.getByRole('button', { name: 'Invite' }).click()
  const panel = owner.getByRole('dialog', { name: 'Invite people' })
  await panel.getByRole('radio', { name: /^Anybody/ }).check()
  await panel.getByRole('button', { name: 'Make a link' }).click()
  const address = await panel.getByRole('textbox', { name: 'The shared page' }).inputValue()
  await panel.getByRole('listitem').filter({ hasText: 'Shared page' }).waitFor()
  const page = await stranger.newPage()
  await page.goto(address)
  await readsAs(reply(page, 'complete'), text)
  seen.expectQuiet()
  await page.close()
  await context.close()
}, 30_000)

test('the link of an invitation is copied also over plain http, where pages have no clipboard of their own', async () => {
  const id = await createRoom(wire, 'At home')
  const context = await signedInContext(browser, server, { permissions: ['clipboard-read', 'clipboard-write'] })
  const [page, other] = [await context.newPage(), await context.newPage()]
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
  await openRoom(page, server, id)
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  const panel = page.getByRole('dialog', { name: 'Invite people' })
  await panel.getByRole('button', { name: 'Make a link' }).click()
  await panel.getByRole('button', { name: 'Copy the link' }).click()
  await panel.getByRole('status').filter({ hasText: 'Copied' }).waitFor()
  const address = await panel.getByRole('textbox', { name: 'The invitation' }).inputValue()
  await other.goto(server.url)
  await other.bringToFront()
  expect(await other.evaluate(() => navigator.clipboard.readText())).toBe(address)
  await context.close()
}, 30_000)

test('a revoked share closes its readers at once, and answers like one that never was', async () => {
  const id = await createRoom(wire, 'Closed')
  const shared = await share(id)
  const page = await stranger.newPage()
  await page.goto(shared.url)
  await page.locator('[role="status"][data-connection="online"]').waitFor()
  await wire.rpc.link.revoke({ id: shared.id, people: false })
  await page.getByText('This link opens nothing any more.').waitFor()
  const answers = await Promise.all([shared.url, `${server.url}/s/${newToken()}`, `${server.url}/s/short`].map((url) => fetch(url)))
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404])
  const bodies = await Promise.all(answers.map((answer) => answer.text()))
  expect(new Set(bodies).size).toBe(1)
  await page.close()
}, 30_000)

test('somebody with rooms of their own goes on in one of them', async () => {
  const id = await createRoom(wire, 'To copy')
  await wire.join(id)
  const { text } = await wire.hearEnd(await ask(id, '[[chunks=3 every=1]] copy this'))
  await wire.rpc.message.send({ id: newId(), conversationId: id, text: 'stays behind', kind: 'note', replyId: newId() })
  const { url } = await share(id)
  const context = await signedInContext(browser, server)
  const page = await context.newPage()
  await page.goto(url)
  await page.getByRole('button', { name: 'Continue in a room of my own' }).click()
  await page.waitForURL(/\/c\//)
  expect(page.url()).not.toContain(id)
  await page.getByRole('heading', { level: 1, name: 'To copy' }).waitFor()
  await page.getByRole('navigation', { name: 'Conversations' }).getByText('stays behind').waitFor()
  await readsAs(reply(page, 'complete'), text)
  expect(await articles(page).count()).toBe(2)
  await page.getByRole('textbox', { name: 'Message' }).fill('[[chunks=2 every=1]] and then?')
  await page.keyboard.press('Enter')
  await page.locator('article[data-role="model"][data-state="complete"]').nth(1).waitFor()
  expect((await wire.rpc.conversation.pull({ id, since: 0, limit: 50 })).messages.length).toBe(3)
  await context.close()
}, 60_000)

test('a long room is read page by page', async () => {
  const id = await createRoom(wire, 'Long')
  await wire.join(id)
  for (let count = 0; count < 101; count++) await wire.hearEnd(await ask(id, `[[chunks=1 every=1]] question ${count}`))
  const { url } = await share(id)
  const html = await (await fetch(url)).text()
  expect(html.match(/<article/g)?.length).toBe(200)
  expect(html).not.toContain('question 0<')
  const to = /href="([^"]+\?to=[^"]+)"/.exec(html)?.[1] ?? ''
  const earlier = await (await fetch(new URL(to, url))).text()
  expect(earlier.match(/<article/g)?.length).toBe(2)
  expect(earlier).toContain('question 0<')
}, 60_000)
