import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContext } from 'playwright'
import { signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { createRoom, openRoom, reply, say } from '../support/room-page.ts'

const { server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext

beforeAll(async () => {
  context = await signedInContext(browser, server)
}, 60_000)
afterAll(stop, 30_000)

test('a model that asks for patience is asked again by itself, with a countdown that both tabs see', async () => {
  const id = await createRoom(wire)
  const pages = [await openRoom(await context.newPage(), server, id), await openRoom(await context.newPage(), server, id)]
  const seen = pages.map((page) => watch(page, server))
  const [one] = pages
  if (!one) throw new Error('no page')
  await say(one, '[[429-once=5]] A little later?')
  for (const page of pages) {
    await reply(page, 'streaming').getByText('asks for a little patience').waitFor()
    const left = async () => Number(/asked again in (\d+) s/.exec((await reply(page).textContent()) ?? '')?.[1])
    const first = await left()
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(6)
    await eventually(async () => (await left()) < first)
  }
  for (const page of pages) {
    await reply(page, 'complete').waitFor()
    expect(await page.getByText('asks for a little patience').count()).toBe(0)
  }
  for (const watched of seen) watched.expectQuiet()
  await Promise.all(pages.map((page) => page.close()))
}, 30_000)

test('Stop ends the wait at once', async () => {
  const page = await openRoom(await context.newPage(), server, await createRoom(wire))
  await say(page, '[[429-once]] Half a minute?')
  await reply(page, 'streaming').getByText('asked again in').waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await reply(page, 'stopped').getByText('Stopped by you').waitFor()
  await page.close()
}, 30_000)
