import { afterAll, expect, test } from 'bun:test'
import type { Page } from 'playwright'
import { DESKTOP, signIn } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { connected, createRoom, online, openRoom, reply, say } from '../support/room-page.ts'

/* Parts of the page that come later, where they could not be had when they were wanted first. */

const { server, browser, wire, owner, stop } = await setBrowserStage()
afterAll(stop, 30_000)

// Without the service worker, as over plain http in a network at home: it would have the files.
async function newPage(): Promise<Page> {
  const context = await browser.newContext({ viewport: DESKTOP, serviceWorkers: 'block' })
  await signIn(context, server, owner.cookie)
  return context.newPage()
}

/** The connection goes away and comes back, as with a server that is started again. */
async function reconnect(page: Page): Promise<void> {
  await page.context().setOffline(true)
  await connected(page, 'offline')
  await page.context().setOffline(false)
  await online(page)
}

test('what draws replies comes with the next connection, and what searches this device with the next key', async () => {
  const id = await createRoom(wire, 'Parts')
  const page = await newPage()
  await openRoom(page, server, id)
  await say(page, 'a list [[chunks=400 every=30]]')
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await reply(page, 'stopped').waitFor()
  await page.route(/assets\/(reply|markdown-view)-/, (route) => route.abort())
  await page.reload()
  await reply(page, 'stopped').waitFor()
  expect(
    await page
      .getByRole('button', { name: 'Try again' })
      .or(page.getByRole('button', { name: 'Continue' }))
      .count(),
  ).toBe(0)
  await page.unrouteAll()
  await page.context().setOffline(true)
  await connected(page, 'offline')
  await page.context().setOffline(false)
  await online(page)
  await page
    .getByRole('button', { name: 'Try again' })
    .or(page.getByRole('button', { name: 'Continue' }))
    .waitFor()
  await reply(page, 'stopped').locator('.markdown:not(.plain)').waitFor()

  // What searches this device is asked for again with the next key.
  await page.route(/assets\/search-worker-/, (route) => route.abort())
  const failed = page.waitForEvent('requestfailed', (request) => request.url().includes('search-worker'))
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: /^Search/ }).waitFor()
  await failed
  await page.unrouteAll()
  const answered = page.waitForResponse(/assets\/search-worker-/)
  await page.keyboard.type('list')
  await answered
  await page.getByRole('option', { name: /a list/ }).waitFor()
  await page.context().close()
}, 40_000)

test('a page whose server has another client by now says so, also where no service worker can be', async () => {
  const id = await createRoom(wire, 'Updated')
  const page = await newPage()
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'serviceWorker'))
  await openRoom(page, server, id)
  await page.waitForResponse(/assets\/updates-/)
  await page.route(`${server.url}/`, async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/data-build="\w+"/, 'data-build="newer"') })
  })
  await reconnect(page)
  await page.getByText('A new version is ready.').waitFor()
  await page.getByRole('button', { name: 'Reload' }).click()
  await page.waitForEvent('load')
  await online(page)
  await page.context().close()
}, 40_000)
