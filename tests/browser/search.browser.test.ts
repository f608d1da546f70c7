import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, launch, LOST, phone, signedInContext, type Watch, watch } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { comeIn, enter, inviteTo } from '../support/people.ts'
import { articles, composer, connected, createRoom, log, openRoom, rooms } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** More than two pages of history: the oldest are not on the device that opens the room. */
const NOTES = 130

let server: TestServer
let browser: Browser
let wire: TestClient
let garden: string
let kitchen: string
let oldest: string

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
  const ada = await enter(server)
  wire = await connect(server, ada.cookie)
  garden = await createRoom(wire, 'The garden')
  kitchen = await createRoom(wire, 'The kitchen')
  oldest = await note(garden, 'Plant the rhubarb before the Köln trip')
  for (let count = 0; count < NOTES; count += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, index) => note(garden, `Watered bed ${count + index}`)))
  }
  await note(kitchen, 'The crème brûlée needs four yolks')
  await comeIn(server, (await inviteTo(wire, kitchen)).token, 'Grace Hopper')
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
}, 30_000)

async function note(conversationId: string, text: string): Promise<string> {
  const id = newId()
  await wire.rpc.message.send({ id, conversationId, text, kind: 'note', replyId: newId() })
  return id
}

const palette = (page: Page) => page.getByRole('dialog', { name: 'Search' })
const box = (page: Page) => palette(page).getByRole('combobox')
const found = (page: Page, group: string) => palette(page).getByRole('group', { name: group }).getByRole('option')
const active = (page: Page) => palette(page).getByRole('option', { selected: true })

async function says(page: Page, text: string): Promise<void> {
  const status = palette(page).getByRole('status')
  await eventually(async () => {
    const said = await status.textContent()
    if (said !== text) throw new Error(`The palette says ${JSON.stringify(said)}: ${(await palette(page).innerText()).slice(0, 500)}`)
    return true
  })
}

const devices: [name: string, options: BrowserContextOptions][] = [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
]

describe.each(devices)('the palette on %s', (name, options) => {
  let context: BrowserContext
  let page: Page
  let seen: Watch
  beforeAll(async () => {
    context = await signedInContext(browser, server, options)
    page = await context.newPage()
    seen = watch(page, server)
    await openRoom(page, server, kitchen)
    await articles(page).first().waitFor()
  }, 30_000)
  afterAll(() => context?.close())

  async function open(): Promise<void> {
    if (name === 'a desktop') return composer(page).press('Control+k')
    await page.getByRole('button', { name: 'Show the list' }).click()
    await rooms(page).getByRole('button', { name: 'Search' }).click()
  }

  test('opens from anywhere, and gives the focus back', async () => {
    await open()
    await box(page).waitFor()
    expect(await box(page).evaluate((element) => element === document.activeElement)).toBe(true)
    await found(page, 'Recent').getByText('The garden').waitFor()
    await found(page, 'Commands').getByText('New conversation').waitFor()
    await page.keyboard.press('Escape')
    await palette(page).waitFor({ state: 'hidden' })
    if (name === 'a desktop') {
      // Where panels fill the window, so does this one.
      await page.setViewportSize({ width: 740, height: 700 })
      await open()
      const { x, width } = (await palette(page).boundingBox()) ?? {}
      expect([x, width]).toEqual([0, 740])
      await page.keyboard.press('Escape')
      await page.setViewportSize(DESKTOP)
    }
    if (name === 'a desktop') expect(await composer(page).evaluate((element) => element === document.activeElement)).toBe(true)
  }, 30_000)

  test('finds rooms, people and commands by name, and is walked through by arrows', async () => {
    await open()
    await box(page).fill('gard')
    expect(await active(page).textContent()).toContain('The garden')
    await box(page).fill('hopper')
    await found(page, 'People').getByText('in The kitchen').waitFor()
    await box(page).fill('devices')
    await active(page).getByText('Settings: name, look, keys, devices').waitFor()
    await box(page).fill('')
    const first = await active(page).getAttribute('id')
    await page.keyboard.press('ArrowUp')
    await active(page).getByText('Sign out…').waitFor()
    await page.keyboard.press('ArrowDown')
    expect(await active(page).getAttribute('id')).toBe(first)
    await box(page).fill('usage')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'Usage' }).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  }, 30_000)

  test('finds what this device has without the accents, and marks it', async () => {
    await open()
    await box(page).fill('brulee yolk')
    const hit = found(page, 'Messages')
    await hit.first().waitFor()
    expect(await hit.locator('mark').allTextContents()).toEqual(['brûlée', 'yolk'])
    await says(page, '1 result')
    expect(await hit.count()).toBe(1)
    expect(await objections(page)).toEqual([])
    await page.keyboard.press('Escape')
  }, 30_000)

  test('finds a message once, wherever it is, and jumps to it in its place', async () => {
    await open()
    await box(page).fill('"the rhubarb" before')
    await says(page, '1 result')
    await found(page, 'Messages').getByText('The garden').waitFor()
    await page.keyboard.press('Enter')
    await palette(page).waitFor({ state: 'hidden' })
    expect(new URL(page.url())).toMatchObject({ pathname: `/c/${garden}`, hash: `#m-${oldest}` })
    const message = log(page).locator(`article[data-message-id="${oldest}"]`)
    await eventually(async () => {
      const box = await message.boundingBox({ timeout: 1_000 })
      if (!box || box.y < 0 || box.y > 600)
        throw new Error(`at ${JSON.stringify(box)}: ${(await page.locator('main').innerText()).slice(0, 300)}`)
      return true
    })
  }, 30_000)

  test('says that it has only looked at this device while there is no network', async () => {
    await context.setOffline(true)
    await connected(page, 'offline')
    await open()
    await box(page).fill('yolks')
    await found(page, 'Messages').first().waitFor()
    await palette(page).getByText('Offline: this device only.').waitFor()
    await box(page).fill('nowhere at all')
    await palette(page).getByText('Nothing has “nowhere at all” in it.').waitFor()
    await page.keyboard.press('Escape')
    await context.setOffline(false)
    await connected(page, 'online')
    seen.expectQuiet(...LOST, /Failed to load resource/)
  }, 40_000)
})
