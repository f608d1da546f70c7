import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Page } from 'playwright'
import { DESKTOP, signIn, type Watch, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { composer, createRoom, openRoom, prompts, reply, rooms, say, storedDraft } from '../support/room-page.ts'
import { holdTable } from '../support/stored-rows.ts'

/* What somebody has written is not lost, and goes nowhere else: whatever else happens before the device has kept it. */

const { server, browser, wire, owner, stop } = await setBrowserStage()
let page: Page
let seen: Watch
let other: string
beforeAll(async () => {
  const context = await browser.newContext({ viewport: DESKTOP })
  await signIn(context, server, owner.cookie)
  page = await context.newPage()
  seen = watch(page, server)
  other = await createRoom(wire, 'Private')
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

const edit = () => page.getByRole('textbox', { name: 'Edit prompt' })

/** Lets the device refuse every call that is to be sent; the result lets it take them again. */
async function fillDevice(): Promise<() => Promise<void>> {
  const refusal = await page.evaluateHandle(() => {
    const add = IDBObjectStore.prototype.add
    IDBObjectStore.prototype.add = function (value, key) {
      if (this.name === 'outbox') throw new DOMException('no space', 'QuotaExceededError')
      return add.call(this, value, key)
    }
    return { end: () => void (IDBObjectStore.prototype.add = add) }
  })
  return () => refusal.evaluate(({ end }) => end())
}

test('what is asked instead is what stood in the box, also when another room is opened before the device has kept it', async () => {
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

test('what is written before a new conversation is there becomes its draft, and not that of the room before', async () => {
  const before = await createRoom(wire, 'The room before')
  await openRoom(page, server, before)
  await composer(page).fill('half a thought')
  await eventually(async () => (await storedDraft(page, before)) === 'half a thought')
  const release = await holdTable(page, 'outbox')
  await rooms(page).getByRole('button', { name: 'New conversation' }).click()
  await page.keyboard.type('a fresh ')
  await release()
  await page.waitForURL((url) => url.pathname !== `/c/${before}`)
  await page.keyboard.type('start')
  await holds('a fresh start')
  const made = new URL(page.url()).pathname.slice('/c/'.length)
  await eventually(async () => (await storedDraft(page, made)) === 'a fresh start')
  await page.goBack()
  await holds('half a thought')
  expect(await storedDraft(page, before)).toBe('half a thought')
}, 30_000)

test('an edit that is half written is there again after another room, and after the page was loaded anew', async () => {
  const id = await createRoom(wire, 'Editing')
  await openRoom(page, server, id)
  await say(page, 'a question about apples [[chunks=1]]')
  await reply(page, 'complete').waitFor()
  await prompts(page).hover()
  await prompts(page).getByRole('button', { name: 'Edit', exact: true }).click()
  await edit().fill('a question about pears')
  await goTo('Private')
  await goTo('Editing')
  await edit().waitFor()
  expect(await edit().inputValue()).toBe('a question about pears')
  // Somebody who comes back wants to read first.
  expect(await edit().evaluate((box) => box === document.activeElement)).toBe(false)
  await page.reload()
  await edit().waitFor()
  expect(await edit().inputValue()).toBe('a question about pears')

  const empty = await fillDevice()
  await edit().press('Enter')
  await page.getByRole('alert').filter({ hasText: 'This could not be kept' }).waitFor()
  expect(await edit().inputValue()).toBe('a question about pears')
  await empty()
  await edit().press('Enter')
  await prompts(page, 'sent').filter({ hasText: 'pears' }).waitFor()
  await page.reload()
  await prompts(page, 'sent').filter({ hasText: 'pears' }).waitFor()
  expect(await edit().count()).toBe(0)
}, 40_000)

test('what the device does not take stays with its room, before what was written meanwhile', async () => {
  const id = await createRoom(wire, 'Full')
  await openRoom(page, server, id)
  const alert = page.getByRole('alert').filter({ hasText: 'This could not be kept' })
  const empty = await fillDevice()
  let release = await holdTable(page, 'outbox')
  await composer(page).fill('the first words')
  await composer(page).press('Enter')
  await composer(page).fill('and more')
  await release()
  await alert.waitFor()
  await holds('the first words\n\nand more')

  release = await holdTable(page, 'outbox')
  await composer(page).press('Enter')
  await goTo('Private', other)
  await release()
  await holds('half a thought')
  expect(await alert.count()).toBe(0)
  await goTo('Full')
  await alert.waitFor()
  await holds('the first words\n\nand more')
  await empty()
  await composer(page).press('Enter')
  await prompts(page, 'sent').filter({ hasText: 'the first words' }).waitFor()
  expect(await alert.count()).toBe(0)
}, 40_000)

test('a panel stays open when text is selected beyond its edge, and what was written in it is there when it is opened again', async () => {
  const id = await createRoom(wire, 'Panels')
  await openRoom(page, server, id)
  const panels = [
    { name: 'Saved prompts', command: '/prompts', box: 'Text', begin: 'New prompt' },
    { name: 'Model and rules', command: '/room', box: 'Instructions', begin: null },
    { name: 'Settings', command: '/settings', box: 'Instructions', begin: null },
  ]
  for (const { name, command, box, begin } of panels) {
    const panel = page.getByRole('dialog', { name, exact: true })
    const text = panel.getByRole('textbox', { name: box })
    const open = async () => {
      await composer(page).fill(command)
      await page.getByRole('option', { selected: true }).waitFor()
      await composer(page).press('Enter')
      await panel.waitFor()
    }
    await open()
    if (begin !== null) await panel.getByRole('button', { name: begin }).click()
    await text.fill('half an instruction')
    await text.scrollIntoViewIfNeeded()
    const { x, y } = (await text.boundingBox()) ?? { x: 0, y: 0 }
    await page.mouse.move(x + 60, y + 12)
    await page.mouse.down()
    await page.mouse.move(20, y + 12, { steps: 3 })
    await page.mouse.up()
    expect(await panel.isVisible()).toBe(true)
    await page.mouse.click(20, y + 12)
    await panel.waitFor({ state: 'hidden' })
    await open()
    expect(await text.inputValue()).toBe('half an instruction')
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'hidden' })
  }
}, 40_000)
