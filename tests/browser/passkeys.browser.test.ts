import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, launch, signedInContext, watch } from '../support/browser.ts'
import { connect } from '../support/client.ts'
import { enter, inviteTo } from '../support/people.ts'
import { composer, online } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* Passkeys in Chromium, with the authenticator that it has for tests. */

/** All scripts of the entrance, as they are parsed. */
const ENTRANCE_BYTES = 12_000

let server: TestServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
}, 30_000)

const panel = (page: Page) => page.getByRole('dialog', { name: 'Settings' })
const usePasskey = (page: Page) => page.getByRole('button', { name: 'Use a passkey' })

async function openSettings(page: Page): Promise<void> {
  await page.getByTitle(/^Settings/).click()
  await panel(page).getByRole('button', { name: 'Add a device' }).waitFor()
}

type Device = { readonly cdp: CDPSession; readonly id: string }

/** The page's device keeps passkeys and knows its person, as phones and computers do. */
async function plugIn(page: Page): Promise<Device> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { cdp, id: authenticatorId }
}

async function onTheDevice({ cdp, id }: Device): Promise<number> {
  return (await cdp.send('WebAuthn.getCredentials', { authenticatorId: id })).credentials.length
}

async function signOut(context: BrowserContext, page: Page): Promise<void> {
  await context.clearCookies()
  await page.goto(`${server.url}/enter`)
}

test('one adds a passkey, comes in by it without a link, removes it, and does not come in by it any more', async () => {
  const context = await signedInContext(browser, server, { viewport: DESKTOP })
  const page = await context.newPage()
  const seen = watch(page, server)
  const device = await plugIn(page)
  await page.goto(server.url)
  await composer(page).waitFor()
  await online(page)
  await openSettings(page)
  const add = panel(page).getByRole('button', { name: 'Add a passkey' })
  await add.click()
  const remove = panel(page).getByRole('button', { name: 'Remove the passkey Chrome on Linux' })
  await remove.waitFor()
  await panel(page).getByText('added just now · not used yet').waitFor()
  expect(await onTheDevice(device)).toBe(1)
  // The device knows that it has one.
  await add.click()
  await panel(page).getByRole('alert').getByText('This device has a passkey of yours').waitFor()
  expect(await remove.count()).toBe(1)

  await signOut(context, page)
  await usePasskey(page).click()
  await composer(page).waitFor()
  await online(page)
  await openSettings(page)
  await panel(page).getByText('added just now · used just now').waitFor()

  await remove.click()
  await remove.waitFor({ state: 'detached' })
  await signOut(context, page)
  await usePasskey(page).click()
  await page.getByRole('alert').getByText(/./).waitFor()
  expect(new URL(page.url()).pathname).toBe('/enter')
  expect(await context.cookies()).toEqual([])
  seen.expectQuiet()
  await context.close()
}, 60_000)

test('whoever has none, or calls it off, is told so; and a passkey that was removed elsewhere opens nothing', async () => {
  const context = await signedInContext(browser, server, { viewport: DESKTOP })
  const page = await context.newPage()
  const seen = watch(page, server)
  const device = await plugIn(page)
  await page.goto(server.url)
  await composer(page).waitFor()
  await online(page)
  await openSettings(page)
  await panel(page).getByRole('button', { name: 'Add a passkey' }).click()
  await panel(page)
    .getByRole('button', { name: /^Remove the passkey/ })
    .waitFor()

  const elsewhere = await connect(server, (await enter(server)).cookie)
  for (const { id } of (await elsewhere.rpc.passkey.list({})).passkeys) await elsewhere.rpc.passkey.remove({ id })
  await elsewhere.close()
  await signOut(context, page)
  await usePasskey(page).click()
  await page.getByText('This passkey opens nothing here any more.').waitFor()

  await device.cdp.send('WebAuthn.setUserVerified', { authenticatorId: device.id, isUserVerified: false })
  await usePasskey(page).click()
  await page.getByText('You called it off, or there is no passkey').waitFor()
  // The refusal of the server, and nothing else.
  seen.expectQuiet(/status of 403/)
  await context.close()
}, 60_000)

test('whoever is known comes in by an invitation as who they are; and the entrance has not become the app for it', async () => {
  const tab = await connect(server, (await enter(server)).cookie)
  const room = newId()
  await tab.rpc.conversation.create({ id: room, title: 'Lisbon' })
  const { token } = await inviteTo(tab, room)
  const context = await signedInContext(browser, server, { viewport: DESKTOP })
  const page = await context.newPage()
  const seen = watch(page, server)
  await plugIn(page)
  await page.goto(server.url)
  await composer(page).waitFor()
  await online(page)
  await openSettings(page)
  await panel(page).getByRole('button', { name: 'Add a passkey' }).click()
  await panel(page)
    .getByRole('button', { name: /^Remove the passkey/ })
    .waitFor()

  await context.clearCookies()
  await page.goto(`${server.url}/enter#${token}`)
  await page.getByRole('textbox', { name: 'Your name' }).waitFor()
  const bytes = await page.evaluate(() => {
    const loaded = performance.getEntriesByType('resource')
    return loaded
      .filter(({ name }) => name.endsWith('.js'))
      .reduce((sum, entry) => sum + ('decodedBodySize' in entry ? Number(entry.decodedBodySize) : 0), 0)
  })
  expect(bytes).toBeGreaterThan(1_000)
  expect(bytes).toBeLessThan(ENTRANCE_BYTES)
  await usePasskey(page).click()
  await page.getByText(' invites you to a conversation, Ada.').waitFor()
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.getByRole('heading', { name: 'Lisbon' }).waitFor()
  expect((await tab.join(room)).people.map(({ person }) => person.name)).toEqual(['Ada'])
  seen.expectQuiet()
  await tab.close()
  await context.close()
}, 60_000)

test('where browsers have no passkeys, nobody is asked for one', async () => {
  const context = await browser.newContext({ viewport: DESKTOP })
  const page = await context.newPage()
  await page.goto(`${server.url.replace('localhost', '127.0.0.1')}/enter`)
  await page.getByText('To come in you need a link.').waitFor()
  expect(await page.evaluate(() => document.body.dataset['passkeys'])).toBe('false')
  expect(await usePasskey(page).count()).toBe(0)
  await context.close()
})
