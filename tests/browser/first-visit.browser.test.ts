import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright'
import { DESKTOP, launch, phone, signedInContext, watch } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
}, 30_000)

const messages = (page: Page) => page.getByRole('log', { name: 'Messages' }).getByRole('article')
const textOf = (page: Page, role: string) => page.locator(`article[data-role="${role}"] [data-part="text"]`).last()

describe('whoever opens the printed link', () => {
  test('gives a name, lands in an empty conversation, and talks', async () => {
    const context = await browser.newContext({ viewport: DESKTOP })
    const page = await context.newPage()
    const seen = watch(page, server)
    await page.goto(await server.claimLink())
    await page.getByRole('textbox', { name: 'Your name' }).waitFor()
    expect(await objections(page)).toEqual([])
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ada')
    await page.getByRole('button', { name: 'Enter' }).click()
    const composer = page.getByRole('textbox', { name: 'Message' })
    await composer.waitFor()
    expect(await messages(page).count()).toBe(0)
    await eventually(() => new URL(page.url()).pathname.startsWith('/c/'))

    await composer.fill('Hello there')
    await composer.press('Enter')
    await page.locator('article[data-role="user"][data-state="sent"]').waitFor()
    await page.locator('article[data-role="model"][data-state="complete"]').waitFor()
    expect(await textOf(page, 'user').textContent()).toContain('Hello there')
    expect((await textOf(page, 'model').textContent())?.length).toBeGreaterThan(50)

    await page.reload()
    await page.locator('article[data-role="model"][data-state="complete"]').waitFor()
    expect(await messages(page).count()).toBe(2)
    seen.expectQuiet()
    await context.close()
  }, 60_000)
})

describe('the room', () => {
  for (const [name, options] of [
    ['a desktop', {}],
    ['a phone', phone()],
    ['a dark desktop', { colorScheme: 'dark' as const }],
  ] as const) {
    test(`has nothing that axe objects to on ${name}`, async () => {
      const context = await signedInContext(browser, server, options)
      const page = await context.newPage()
      const seen = watch(page, server)
      await page.goto(server.url)
      await page.getByRole('textbox', { name: 'Message' }).waitFor()
      await page.locator('[role="status"][data-connection="online"]').waitFor({ state: 'attached' })
      expect(await objections(page)).toEqual([])
      seen.expectQuiet()
      await context.close()
    }, 60_000)
  }
})
