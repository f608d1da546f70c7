import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright'
import { DESKTOP, launch, phone, signedInContext, watch } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { enter } from '../support/people.ts'
import { createRoom, openRoom, reply, say } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

let emulator: Emulator
let server: TestServer
let browser: Browser
let wire: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  ;[server, browser] = await Promise.all([startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } }), launch()])
  wire = await connect(server, (await enter(server)).cookie)
  await wire.rpc.model.list({})
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  await emulator?.stop()
}, 30_000)

const settings = (page: Page) => page.getByRole('dialog', { name: 'How this room works' })

async function openSettings(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'How this room works' }).click()
  return settings(page)
}

async function close(page: Page): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
}

async function isAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
}

const devices: [name: string, options: BrowserContextOptions][] = [
  ['a desktop', { viewport: DESKTOP, colorScheme: 'light' }],
  ['a phone', { ...phone(), colorScheme: 'dark' }],
]

for (const [name, options] of devices) {
  test(`on ${name} a room gets its model, its instructions and its warmth, and shows what the model thought`, async () => {
    const context = await signedInContext(browser, server, options)
    const page = await context.newPage()
    const seen = watch(page, server)
    const id = await createRoom(wire, `Settings on ${name}`)
    await openRoom(page, server, id)

    const panel = await openSettings(page)
    await panel.getByLabel('Model', { exact: true }).selectOption({ label: 'Gemini 3.5 Flash-Lite' })
    await panel.getByText('reads 1 M tokens').waitFor()
    await panel.getByLabel('Thinking').selectOption({ label: 'A lot' })
    await panel.getByRole('slider', { name: 'Temperature' }).fill('0.4')
    await panel.getByRole('textbox', { name: 'Instructions' }).fill('Answer in rhymes.')
    await panel.getByRole('button', { name: 'Save for other rooms…' }).click()
    await panel.getByRole('textbox', { name: 'Name' }).fill(`Rhymes on ${name}`)
    await panel.getByRole('button', { name: 'Save', exact: true }).click()
    await panel.getByText(`Rhymes on ${name}`, { exact: true }).waitFor()
    await panel.getByRole('button', { name: 'Use in this room' }).click()
    await isAccessible(page)
    await close(page)

    await say(page, `A poem on ${name} [[thoughts every=1]]`)
    await reply(page, 'complete').waitFor()
    const { body } = await emulator.waitForRequest(({ prompt }) => prompt.includes(`A poem on ${name}`))
    expect(body).toMatchObject({
      systemInstruction: { parts: [{ text: 'Answer in rhymes.' }] },
      generationConfig: { temperature: 0.4, thinkingConfig: { thinkingLevel: 'HIGH' } },
    })
    const fold = reply(page).getByText(/^Thought for \d+ s$/)
    await fold.waitFor()
    expect(await reply(page).getByText('Reading the question').isVisible()).toBe(false)
    await fold.click()
    await reply(page).getByText('Reading the question').waitFor()
    await isAccessible(page)

    const again = await openSettings(page)
    expect(await again.getByLabel('Model', { exact: true }).inputValue()).toBe('gemini-3.5-flash-lite')
    await again.getByText('Answered').scrollIntoViewIfNeeded()
    await again.getByRole('meter', { name: 'Context' }).waitFor()
    await again.getByRole('button', { name: `Delete Rhymes on ${name}` }).click()
    await again.getByText(`Rhymes on ${name}`, { exact: true }).waitFor({ state: 'detached' })
    // In another room it is the server's model that answers, as before.
    const other = await createRoom(wire)
    await openRoom(page, server, other)
    expect(await (await openSettings(page)).getByLabel('Model', { exact: true }).inputValue()).toBe('')
    seen.expectQuiet()
    await context.close()
  }, 60_000)
}

test('offline the models and the saved instructions are those that were known', async () => {
  const context = await signedInContext(browser, server, { viewport: DESKTOP })
  const page = await context.newPage()
  await wire.rpc.preset.save({ id: crypto.randomUUID(), name: 'Kept', text: 'Be brief.' })
  await openRoom(page, server, await createRoom(wire))
  await (await openSettings(page)).getByText('Kept', { exact: true }).waitFor()
  await close(page)
  await context.setOffline(true)
  const panel = await openSettings(page)
  await panel.getByRole('button', { name: 'Use Kept' }).click()
  expect(await panel.getByRole('textbox', { name: 'Instructions' }).inputValue()).toBe('Be brief.')
  await eventually(async () => (await panel.getByLabel('Model', { exact: true }).locator('option').count()) > 5)
  await context.close()
}, 30_000)
