import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import jsQR from 'jsqr'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, launch, phone, signedInContext, type Watch, watch } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { comeIn, enter, inviteTo } from '../support/people.ts'
import { articles, composer, createRoom, online, openRoom, prompts, rooms, say } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** From opening an invitation to the first message, by somebody who reads nothing. */
const FIRST_MESSAGE_MS = 15_000
const TOUCH_PX = 44

let server: TestServer
let browser: Browser
let wire: TestClient
let owner: Page
let ownerSeen: Watch

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
  wire = await connect(server, (await enter(server)).cookie)
  owner = await (await signedInContext(browser, server)).newPage()
  ownerSeen = watch(owner, server)
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
}, 30_000)

const panel = (page: Page, title: string) => page.getByRole('dialog', { name: title })
const row = (page: Page, name: string) => page.getByRole('dialog').getByRole('listitem').filter({ hasText: name })

async function openInvite(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  return panel(page, 'Invite people')
}

async function openPeople(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: /^People:/ }).click()
  return panel(page, 'People')
}

async function openSettings(page: Page): Promise<Locator> {
  const list = page.getByRole('button', { name: 'Show the list' })
  if (await list.isVisible()) await list.click()
  await page.getByTitle(/^Settings/).click()
  return panel(page, 'Settings')
}

async function close(page: Page): Promise<void> {
  const open = page.getByRole('dialog')
  await open.getByRole('button', { name: 'Close' }).click()
  await open.waitFor({ state: 'hidden' })
}

/** What a camera reads from the screen, held nearer when it cannot read it from afar. */
async function scan(code: Locator): Promise<string | undefined> {
  const png = (await code.screenshot()).toString('base64')
  const camera = await code.page().context().browser()?.newPage()
  if (!camera) throw new Error('The page has no browser')
  const look = (scale: number) =>
    camera.evaluate(
      async ({ source, times }) => {
        const image = new Image()
        image.src = `data:image/png;base64,${source}`
        await image.decode()
        const [width, height] = [image.width * times, image.height * times]
        const context = new OffscreenCanvas(width, height).getContext('2d')
        context?.drawImage(image, 0, 0, width, height)
        return { width, height, data: [...(context?.getImageData(0, 0, width, height).data ?? [])] }
      },
      { source: png, times: scale },
    )
  let read: string | undefined
  for (let scale = 1; scale <= 4 && read === undefined; scale++) {
    const { width, height, data } = await look(scale)
    read = jsQR(new Uint8ClampedArray(data), width, height)?.data
  }
  await camera.close()
  return read
}

/** A guest in a browser of their own, in a room. */
async function guest(name: string, conversationId: string, options: BrowserContextOptions & { role?: 'viewer' } = {}) {
  const { role = 'participant', ...device } = options
  const { token } = await inviteTo(wire, conversationId, { role })
  const { cookie, person } = await comeIn(server, token, name)
  const context = await signedIn(cookie, device)
  const page = await context.newPage()
  const seen = watch(page, server)
  await page.goto(`${server.url}/c/${conversationId}`)
  await online(page)
  return { context, page, seen, person }
}

async function signedIn(cookie: string, options: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options })
  const [name = '', ...value] = cookie.split('=')
  await context.addCookies([{ name, value: value.join('='), url: server.url, httpOnly: true, sameSite: 'Lax' }])
  return context
}

describe('an invitation', () => {
  test('takes a guest on a phone from the link to their first message at once, and shows the owner who came', async () => {
    await openRoom(owner, server, await createRoom(wire, 'Trip to Lisbon'))
    const invite = await openInvite(owner)
    await invite.getByRole('textbox', { name: /^Label/ }).fill('Friends')
    await invite.getByRole('button', { name: 'Make a link' }).click()
    const address = await invite.getByRole('textbox', { name: 'The invitation' }).inputValue()
    expect(await scan(invite.getByRole('img', { name: 'The invitation as a QR code' }))).toBe(address)
    expect(await row(owner, 'Friends').innerText()).toContain('10 uses, 7 days left')

    const context = await browser.newContext(phone())
    const page = await context.newPage()
    const seen = watch(page, server)
    const began = performance.now()
    await page.goto(address)
    const box = page.getByRole('textbox', { name: 'Your name' })
    await box.waitFor()
    // Nothing to find and nothing to read: the cursor is where the name goes.
    expect(await box.evaluate((element) => element === document.activeElement)).toBe(true)
    expect(new URL(page.url()).hash).toBe('')
    await page.keyboard.type('Mara')
    await page.keyboard.press('Enter')
    await composer(page).waitFor()
    await say(page, 'Hello from my phone')
    await prompts(page, 'sent').first().waitFor()
    const tookMs = performance.now() - began
    console.log(`From the invitation to the first message: ${Math.round(tookMs)} ms`)
    expect(tookMs).toBeLessThan(FIRST_MESSAGE_MS)
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Trip to Lisbon')
    expect(await page.getByRole('button', { name: 'Invite', exact: true }).count()).toBe(0)

    await close(owner)
    await articles(owner).filter({ hasText: 'Hello from my phone' }).first().waitFor()
    await openPeople(owner)
    expect(await row(owner, 'Mara').innerText()).toMatch(/Participant · guest · here now/)
    await close(owner)
    seen.expectQuiet()
    await context.close()
  }, 60_000)

  test('gives somebody who is known the room under the name that they have, and burns no second use', async () => {
    const [first, second] = await Promise.all([createRoom(wire, 'One'), createRoom(wire, 'Two')])
    const { page, context, seen } = await guest('Jon', first)
    const { token } = await inviteTo(wire, second, { uses: 1 })
    for (let time = 0; time < 2; time++) {
      await page.goto(`${server.url}/enter#${token}`)
      await page.getByText('Ada invites you to a conversation, Jon.').waitFor()
      expect(await page.getByRole('textbox').count()).toBe(0)
      await page.getByRole('button', { name: 'Enter' }).click()
      await page.getByRole('heading', { level: 1, name: 'Two' }).waitFor()
      expect(new URL(page.url()).pathname).toBe(`/c/${second}`)
      await rooms(page).getByRole('link', { name: /^One/ }).waitFor()
    }
    seen.expectQuiet()
    await context.close()
  }, 60_000)

  test('that was revoked says so before anything is typed, and those who came by it can be made to leave', async () => {
    const id = await createRoom(wire, 'Revoked')
    const { token } = await inviteTo(wire, id, { label: 'Leaked' })
    const { cookie } = await comeIn(server, token, 'Uninvited')
    const inside = await signedIn(cookie, {})
    const stranger = await inside.newPage()
    await openRoom(stranger, server, id)

    await openRoom(owner, server, id)
    const invite = await openInvite(owner)
    await row(owner, 'Leaked').getByRole('button', { name: 'Revoke' }).click()
    const question = panel(owner, 'Revoke this link?')
    await question.getByRole('checkbox', { name: /have to leave/ }).check()
    await question.getByRole('button', { name: 'Revoke' }).click()
    await row(owner, 'Leaked').waitFor({ state: 'detached' })
    await stranger.getByRole('heading', { name: 'This conversation is not here' }).waitFor()
    await stranger.goto(`${server.url}/enter#${token}`)
    await stranger.getByRole('alert').getByText('This link has been used, has expired').waitFor()
    await stranger.getByRole('link', { name: 'Go to your conversations' }).click()
    await online(stranger)
    await inside.close()
    await invite.getByRole('button', { name: 'Close' }).click()

    const context = await browser.newContext(phone())
    const page = await context.newPage()
    await page.goto(`${server.url}/enter#${token}`)
    await page.getByRole('alert').getByText('This link has been used, has expired').waitFor()
    expect(await page.getByRole('textbox').count()).toBe(0)
    expect(await page.getByRole('link').count()).toBe(0)
    await context.close()
  }, 60_000)

  test('waits for the network, and is made once however often it is asked for', async () => {
    const id = await createRoom(wire, 'Far away')
    const context = await signedInContext(browser, server)
    const page = await context.newPage()
    await openRoom(page, server, id)
    const invite = await openInvite(page)
    await invite.getByRole('button', { name: 'Make a link' }).waitFor()
    await context.setOffline(true)
    await invite.getByRole('button', { name: 'Make a link' }).click()
    // The list of links below may not have come, and says the same.
    await invite.locator('form').getByText('The server cannot be reached right now.').waitFor()
    await invite.getByRole('button', { name: 'Make a link' }).click()
    await context.setOffline(false)
    await online(page)
    await invite.getByRole('button', { name: 'Make a link' }).click()
    await invite.getByRole('img', { name: 'The invitation as a QR code' }).waitFor()
    expect((await wire.rpc.link.list({ conversationId: id })).links).toHaveLength(1)
    await context.close()
  }, 60_000)
})

describe('the people of a room', () => {
  test('are given roles, removed and handed the room by its owner, and see it at once', async () => {
    const id = await createRoom(wire, 'A room of three')
    const [mara, jon] = await Promise.all([guest('Mara', id, phone()), guest('Jon', id, { role: 'viewer' })])
    await openRoom(owner, server, id)

    await openPeople(owner)
    expect(await row(owner, 'Jon').innerText()).toContain('Viewer')
    expect(await composer(jon.page).count()).toBe(0)
    await row(owner, 'Jon').getByRole('button', { name: 'Options for Jon' }).click()
    await owner.getByRole('menuitem', { name: 'Let them write' }).click()
    await row(owner, 'Jon').filter({ hasText: 'Participant' }).waitFor()
    await composer(jon.page).waitFor()

    await row(owner, 'Jon').getByRole('button', { name: 'Options for Jon' }).click()
    await owner.getByRole('menuitem', { name: 'Remove…' }).click()
    await panel(owner, 'Remove them?').getByRole('button', { name: 'Remove' }).click()
    await row(owner, 'Jon').waitFor({ state: 'detached' })
    await jon.page.getByRole('heading', { name: 'This conversation is not here' }).waitFor()

    await row(owner, 'Mara').getByRole('button', { name: 'Options for Mara' }).click()
    await owner.getByRole('menuitem', { name: 'Hand the room over…' }).click()
    await panel(owner, 'Hand the room over?').getByRole('button', { name: 'Hand over' }).click()
    await row(owner, 'Mara').filter({ hasText: 'Owner' }).waitFor()
    await mara.page.getByRole('button', { name: 'Invite', exact: true }).waitFor()
    await panel(owner, 'People').getByRole('button', { name: 'Leave the room' }).click()
    await panel(owner, 'Leave this room?').getByRole('button', { name: 'Leave' }).click()
    await eventually(() => new URL(owner.url()).pathname !== `/c/${id}`)
    await rooms(owner)
      .getByRole('link', { name: /^A room of three/ })
      .waitFor({ state: 'detached' })

    mara.seen.expectQuiet()
    jon.seen.expectQuiet()
    await Promise.all([mara.context.close(), jon.context.close()])
  }, 90_000)
})

describe('a person', () => {
  test('adds a device by its code, is called by another name there at once, and signs it out again', async () => {
    const id = await createRoom(wire, 'On two devices')
    const { page, context, seen } = await guest('Mara', id)
    const you = await openSettings(page)
    await you.getByRole('button', { name: 'Add a device' }).click()
    const address = await scan(you.getByRole('img', { name: 'The link for your device as a QR code' }))
    expect(await you.getByText('It works once').innerText()).toMatch(/for [12]:\d\d/)

    const second = await browser.newContext(phone())
    const device = await second.newPage()
    await device.goto(address ?? '')
    await device.getByText('Welcome back, Mara.').waitFor()
    await device.getByRole('button', { name: 'Enter' }).click()
    await composer(device).waitFor()
    await you.getByText(/has come in\./).waitFor()
    await you.getByRole('button', { name: 'Done' }).click()

    await you.getByRole('textbox', { name: 'Your name' }).fill('Mara L.')
    await you.getByRole('button', { name: 'Save' }).click()
    await rooms(page).getByText('Mara L.').waitFor()

    await you
      .getByRole('button', { name: /^Sign out/ })
      .last()
      .click()
    await device.waitForURL(/\/enter/)
    await you.getByRole('button', { name: /^Sign out/ }).waitFor({ state: 'detached' })
    expect(await you.getByRole('button', { name: 'People, links, budgets' }).count()).toBe(0)
    await close(page)
    seen.expectQuiet()
    await Promise.all([context.close(), second.close()])
  }, 60_000)
})

describe('the owner of the server', () => {
  test('sees everybody, bounds what is spent, and shuts somebody out at once', async () => {
    const name = `Noor ${newId().slice(-4)}`
    const { page, context } = await guest(name, await createRoom(wire, 'Seen by the owner'))
    await openRoom(owner, server)
    await (await openSettings(owner)).getByRole('button', { name: 'People, links, budgets' }).click()
    const overview = panel(owner, 'This server')
    await overview.getByText('Demo answers').waitFor()
    await overview.getByRole('textbox', { name: 'Questions a minute, each person' }).fill('30')
    await overview.getByRole('button', { name: 'Save' }).click()
    await overview.getByRole('button', { name: 'Save' }).waitFor({ state: 'detached' })
    await eventually(async () => (await wire.rpc.admin.overview({})).budget.personMinuteRequests === 30)

    const theirs = overview.getByRole('listitem').filter({ hasText: name })
    await theirs.getByText(name).first().click()
    await theirs.getByRole('button', { name: 'Disable' }).click()
    await panel(owner, `Disable ${name}?`).getByRole('button', { name: 'Disable' }).click()
    await page.waitForURL(/\/enter/)
    await theirs.getByText('disabled').waitFor()
    await theirs.getByRole('button', { name: 'Let them in again' }).click()
    await theirs.getByText('disabled').waitFor({ state: 'detached' })
    await overview.getByRole('button', { name: 'Close' }).click()
    await context.close()
    ownerSeen.expectQuiet()
  }, 60_000)
})

describe('every panel', () => {
  const devices: [name: string, options: BrowserContextOptions][] = [
    ['a desktop', { viewport: DESKTOP }],
    ['a phone', phone()],
  ]
  for (const [name, options] of devices) {
    test(`has nothing that axe objects to on ${name} by day and by night, fits, and can be touched`, async () => {
      const id = await createRoom(wire, 'Everything in it')
      await inviteTo(wire, id, { label: 'A link with a label of its own' })
      const { token } = await inviteTo(wire, id)
      await comeIn(server, token, 'Somebody with quite a long name, really')
      const context = await signedInContext(browser, server, options)
      const page = await context.newPage()
      const seen = watch(page, server)
      await openRoom(page, server, id)

      const invite = await openInvite(page)
      await invite.getByText('Links that work').waitFor()
      await fine(page, options, 'inviting')
      await invite.getByRole('button', { name: 'Make a link' }).click()
      await invite.getByRole('img', { name: 'The invitation' }).waitFor()
      await fine(page, options, 'an invitation')
      await invite
        .getByRole('button', { name: /^Revoke/ })
        .first()
        .click()
      await fine(page, options, 'the question before revoking')
      await page.getByRole('button', { name: 'Cancel' }).click()
      await close(page)

      await openPeople(page)
      await row(page, 'Somebody')
        .getByRole('button', { name: /^Options/ })
        .click()
      await fine(page, options, 'people')
      await page.keyboard.press('Escape')
      await close(page)

      const you = await openSettings(page)
      await you.getByRole('button', { name: 'Add a device' }).click()
      await you.getByRole('img', { name: 'The link for your device' }).waitFor()
      await fine(page, options, 'you')
      await you.getByRole('button', { name: 'People, links, budgets' }).click()
      const overview = panel(page, 'This server')
      await overview.getByText('Somebody with').first().click()
      await fine(page, options, 'the server')
      await close(page)
      // The focus is where it was before.
      await eventually(() => page.evaluate(() => document.activeElement !== document.body))
      seen.expectQuiet()
      await context.close()
    }, 90_000)
  }
})

/** Axe in both themes; nothing wider than the screen; on a phone nothing smaller than a finger. */
async function fine(page: Page, { isMobile = false }: BrowserContextOptions, state: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    // Only the colours are others by night.
    const rules = colorScheme === 'dark' ? { rules: ['color-contrast'] } : {}
    expect(await objections(page, rules), `${state}, ${colorScheme}`).toEqual([])
  }
  const found = await page
    .locator('dialog[open]')
    .last()
    .evaluate(
      (dialog, touch) => ({
        wider: [dialog, ...dialog.querySelectorAll('*')]
          .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1 && clientWidth > 1)
          .map(({ outerHTML }) => outerHTML.slice(0, 100)),
        small: [...dialog.querySelectorAll('button, summary, select, input:not([type="checkbox"], [type="radio"])')]
          .filter((control) => control.checkVisibility() && control.getBoundingClientRect().height < touch)
          .map(({ outerHTML }) => outerHTML.slice(0, 100)),
      }),
      TOUCH_PX,
    )
  expect(
    found.wider.filter((html) => !html.startsWith('<input')),
    state,
  ).toEqual([])
  if (isMobile) expect(found.small, state).toEqual([])
}
