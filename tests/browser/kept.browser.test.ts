import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Page } from 'playwright'
import { DESKTOP, signIn, type Watch, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { composer, createRoom, openRoom, prompts, reply, rooms, say } from '../support/room-page.ts'
import { holdTable } from '../support/stored-rows.ts'

/* What somebody has written is not lost, and goes nowhere else: whatever else happens before the device has kept it. */

const { server, browser, wire, owner, stop } = await setBrowserStage()
let page: Page
let seen: Watch
beforeAll(async () => {
  const context = await browser.newContext({ viewport: DESKTOP })
  await signIn(context, server, owner.cookie)
  page = await context.newPage()
  seen = watch(page, server)
}, 30_000)
afterAll(async () => {
  seen?.expectQuiet()
  await stop()
}, 30_000)

const holds = (text: string) => eventually(async () => (await composer(page).inputValue()) === text)

/** Goes to another room as a reader does; of one that cannot be read yet there is only the address. */
async function goTo(title: string, id?: string): Promise<void> {
  await rooms(page).getByRole('link', { name: title }).click()
  if (id === undefined) await page.getByRole('heading', { name: title, level: 1 }).waitFor()
  else await page.waitForURL(`**/c/${id}`)
}

test('what is asked instead is what stood in the box, also when another room is opened before the device has kept it', async () => {
  const other = await createRoom(wire, 'Private')
  const asking = await createRoom(wire, 'Asking')
  await openRoom(page, server, asking)
  await goTo('Private')
  await composer(page).fill('half a thought')
  await goTo('Asking')
  await say(page, 'long [[chunks=400 every=30]]')
  await reply(page, 'streaming').waitFor()
  await composer(page).fill('something else [[chunks=1]]')
  const release = await holdTable(page, 'outbox')
  await page.getByRole('button', { name: 'Ask instead' }).click()
  await goTo('Private', other)
  await release()
  await goTo('Asking')
  await prompts(page, 'sent').filter({ hasText: 'something else' }).waitFor()
  await reply(page, 'stopped').waitFor()
  await reply(page, 'complete').waitFor()
  await goTo('Private')
  await holds('half a thought')
  expect(await prompts(page).count()).toBe(0)
}, 40_000)
