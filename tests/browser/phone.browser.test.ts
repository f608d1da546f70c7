import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, CDPSession, Page } from 'playwright'
import { PHONE, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { picture } from '../support/pictures.ts'
import { composer, createRoom, log, openRoom, prompts, reply, rooms, say } from '../support/room-page.ts'

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let page: Page
let watched: ReturnType<typeof watch>
let device: CDPSession

beforeAll(async () => {
  for (const title of ['Trip to Lisbon', 'Letter to the landlord', 'Regex for log lines']) await createRoom(wire, title)
  context = await signedInContext(browser, server, phone())
  page = await context.newPage()
  watched = watch(page, server)
  device = await context.newCDPSession(page)
  await openRoom(page, server, await createRoom(wire, 'On a phone'))
  emulator.script.push((answer) => answer.write(`${'Some words to read. '.repeat(12)}\n\n`.repeat(6)).then(() => answer.finish()))
  await say(page, 'Tell me something')
  await reply(page, 'complete').waitFor()
}, 60_000)
afterAll(stop, 60_000)

const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: { x: number; y: number }[]) =>
  device.send('Input.dispatchTouchEvent', { type, touchPoints: points })

/** A finger goes from one place to another in steps, each seen by the page. */
async function drag(from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> {
  const steps = 8
  await touch('touchStart', from)
  for (let step = 1; step <= steps; step++) {
    await touch('touchMove', { x: from.x + ((to.x - from.x) * step) / steps, y: from.y + ((to.y - from.y) * step) / steps })
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
}

const isOpen = () => page.evaluate(() => document.getElementById('rooms')?.matches(':popover-open') === true)
const left = async () => (await rooms(page).boundingBox())?.x ?? Number.NaN

describe('the list', () => {
  test('is drawn from the edge by a finger, which it follows, and pushed back', async () => {
    await drag({ x: 6, y: 400 }, { x: 180, y: 408 })
    const width = Math.min(320, PHONE.width * 0.86)
    expect(Math.abs((await left()) - (180 - width))).toBeLessThan(2)
    await picture(page, 'drawer-half')
    await touch('touchMove', { x: 260, y: 408 })
    await touch('touchEnd')
    await eventually(async () => (await left()) === 0)
    expect(await isOpen()).toBe(true)
    await picture(page, 'drawer')
    await drag({ x: 250, y: 400 }, { x: 60, y: 404 })
    expect(await left()).toBeLessThan(-100)
    await touch('touchEnd')
    await eventually(async () => !(await isOpen()))
  }, 60_000)

  test('closes on a press beside it, by its own kind of popover', async () => {
    await drag({ x: 6, y: 400 }, { x: 250, y: 400 })
    await touch('touchEnd')
    await eventually(async () => (await left()) === 0)
    await page.touchscreen.tap(PHONE.width - 10, 400)
    await eventually(async () => !(await isOpen()))
  }, 60_000)

  test('stays shut when a finger scrolls, swipes elsewhere, or comes back', async () => {
    await log(page).evaluate((box) => box.scrollTo(0, 0))
    await drag({ x: 20, y: 600 }, { x: 50, y: 300 })
    await touch('touchEnd')
    expect(await isOpen()).toBe(false)
    await eventually(async () => (await log(page).evaluate((box) => box.scrollTop)) > 100)
    await drag({ x: 150, y: 400 }, { x: 350, y: 404 })
    await touch('touchEnd')
    expect(await isOpen()).toBe(false)
    await drag({ x: 6, y: 400 }, { x: 200, y: 400 })
    for (const x of [150, 80, 20]) {
      await touch('touchMove', { x, y: 400 })
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
    }
    await touch('touchEnd')
    await eventually(async () => !(await isOpen()))
  }, 60_000)
})

describe('a finger that rests on a message', () => {
  const menu = () => page.getByRole('menu', { name: 'Message' })

  test('opens what can be done with it, selects nothing, and does not close it by leaving', async () => {
    const text = prompts(page).locator('[data-part="text"]')
    await text.scrollIntoViewIfNeeded()
    const box = await text.boundingBox()
    const at = { x: (box?.x ?? 0) + 60, y: (box?.y ?? 0) + 12 }
    await touch('touchStart', at)
    await menu().waitFor()
    expect(await page.evaluate(() => getSelection()?.isCollapsed)).toBe(true)
    await touch('touchEnd')
    await menu().getByRole('menuitem', { name: 'Copy text' }).waitFor()
    expect(await menu().getByRole('menuitem', { name: 'Edit' }).isVisible()).toBe(true)
    await eventually(() => menu().evaluate((element) => element instanceof HTMLElement && element.popover === 'auto'))
    const sheet = await menu().boundingBox()
    expect([sheet?.x, sheet?.width]).toEqual([0, PHONE.width])
    await picture(page, 'long-press')
    await menu().getByRole('menuitem', { name: 'Select text' }).tap()
    await menu().waitFor({ state: 'hidden' })
    expect(await page.evaluate(() => getSelection()?.toString().trim())).toBe('Tell me something')
    await page.getByRole('button', { name: 'Quote' }).tap()
    await eventually(async () => (await composer(page).inputValue()).startsWith('> Tell me something'))
    await composer(page).fill('')
    await composer(page).blur()
  }, 60_000)

  test('does nothing of that when it scrolls', async () => {
    await log(page).evaluate((box) => box.scrollTo(0, 0))
    await touch('touchStart', { x: 200, y: 500 })
    await page.locator('article[data-pressed]').waitFor()
    await touch('touchMove', { x: 200, y: 470 })
    await page.locator('article[data-pressed]').waitFor({ state: 'detached' })
    // It rolls on for a while, and a tap that stops it is no tap on what lies there.
    await touch('touchEnd')
    expect(await menu().isVisible()).toBe(false)
    const place = () => log(page).evaluate((box) => new Promise<number>((resolve) => requestAnimationFrame(() => resolve(box.scrollTop))))
    await eventually(async () => (await place()) === (await place()))
  }, 60_000)
})

test('the keyboard of a phone takes its height from the transcript: the box stands on it, and what is read stays', async () => {
  await log(page).evaluate((box) => box.scrollTo(0, box.scrollHeight))
  const end = () => log(page).evaluate((box) => Math.round(box.scrollHeight - box.clientHeight - box.scrollTop))
  const bottom = () => page.locator('.composer').evaluate((box) => box.getBoundingClientRect().bottom)
  const cover = (by: number) =>
    page.evaluate((covered) => {
      const { visualViewport } = window
      if (!visualViewport) throw new Error('There is no visual viewport')
      Object.defineProperty(visualViewport, 'height', { configurable: true, value: innerHeight - covered })
      visualViewport.dispatchEvent(new Event('resize'))
    }, by)
  await eventually(async () => (await end()) <= 1)
  await page.getByRole('button', { name: 'Newest' }).waitFor({ state: 'hidden' })
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  await cover(320)
  await eventually(async () => (await bottom()) <= PHONE.height - 320 && (await end()) <= 1)
  await cover(0)
  await eventually(async () => (await bottom()) > PHONE.height - 60 && (await end()) <= 1)
  // In the picture that also brings the change of height, a scroll would be taken for a part of it.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  await log(page).evaluate((box) => box.scrollTo(0, 150))
  await page.getByRole('button', { name: 'Newest' }).waitFor()
  const place = () =>
    reply(page)
      .locator('p')
      .first()
      .evaluate((block) => Math.round(block.getBoundingClientRect().top))
  const before = await place()
  await page.setViewportSize({ ...PHONE, height: PHONE.height - 320 })
  await eventually(async () => (await bottom()) <= PHONE.height - 320)
  expect(await place()).toBe(before)
  // On its side there is little height: one row is enough to write in.
  await page.setViewportSize({ width: PHONE.height, height: PHONE.width })
  await eventually(async () => ((await page.locator('.composer').boundingBox())?.height ?? 99) < 60)
  await composer(page).fill('one\ntwo\nthree\nfour\nfive\nsix\nseven\neight')
  expect((await page.locator('.composer').boundingBox())?.height).toBeLessThan(PHONE.width / 2)
  await composer(page).fill('')
  await page.setViewportSize(PHONE)
  watched.expectQuiet()
}, 60_000)
