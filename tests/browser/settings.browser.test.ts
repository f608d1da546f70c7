import { afterAll, describe, expect, test } from 'bun:test'
import type { BrowserContextOptions, Locator, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'

import { objections } from '../support/objections.ts'
import { composer, createRoom, log, openRoom, prompts, reply, rooms, say, storedDraft } from '../support/room-page.ts'

const PAPER = { light: 'rgb(251, 250, 247)', dark: 'rgb(22, 22, 20)', strong: 'rgb(0, 0, 0)' }

const { emulator, server, browser, wire, stop } = await setBrowserStage({
  emulator: { title: (answer) => answer.write('“A found title”').then(() => answer.finish()) },
})
afterAll(stop, 30_000)

const settings = (page: Page) => page.getByRole('dialog', { name: 'Settings' })
const paper = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
const theme = (page: Page, name: string) => settings(page).getByRole('group', { name: 'Theme' }).getByText(name)
const size = (page: Page, name: string) => settings(page).getByRole('group', { name: 'Text size' }).getByTitle(name, { exact: true })

async function openSettings(page: Page): Promise<Locator> {
  const list = page.getByRole('button', { name: 'Show the list' })
  if (await list.isVisible()) await list.click()
  await page.getByTitle(/^Settings/).click()
  await settings(page).getByText('Space used').waitFor()
  return settings(page)
}

/** Two tabs of one device in a room. */
async function twoTabs(options: BrowserContextOptions = {}) {
  const context = await signedInContext(browser, server, options)
  context.setDefaultTimeout(15_000)
  const room = await createRoom(wire, 'A room')
  const [page, other] = [await context.newPage(), await context.newPage()]
  const seen = [watch(page, server), watch(other, server)]
  await Promise.all([openRoom(page, server, room), openRoom(other, server, room)])
  return {
    context,
    room,
    page,
    other,
    async end(...excused: RegExp[]) {
      for (const one of seen) one.expectQuiet(...excused)
      await context.close()
    },
  }
}

async function axe(page: Page, ...rules: string[]): Promise<void> {
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)))
  expect(await objections(page, rules.length > 0 ? { rules } : {})).toEqual([])
}

describe('settings', () => {
  test('open by their button, by keys and from the palette, and give the focus back', async () => {
    const { page, end } = await twoTabs()
    await composer(page).focus()
    await page.keyboard.press('Control+,')
    await settings(page).waitFor()
    await page.keyboard.press('Escape')
    await settings(page).waitFor({ state: 'hidden' })
    expect(await composer(page).evaluate((box) => box === document.activeElement)).toBe(true)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('settings')
    await page.keyboard.press('Enter')
    await settings(page).waitFor()
    await settings(page).getByRole('button', { name: 'Close' }).click()
    await openSettings(page)
    await end()
  }, 90_000)

  test('a theme holds in all tabs at once, on every page, and from the first paint on', async () => {
    const { context, page, other, room, end } = await twoTabs()
    await openSettings(page)
    await theme(page, 'Dark').click()
    expect(await paper(page)).toBe(PAPER.dark)
    await eventually(async () => (await paper(other)) === PAPER.dark)
    // What makes the room comes late: what is painted before it is dark all the same, also where the page is that of the device.
    const held = Promise.withResolvers<void>()
    await context.route(/\/assets\/(index|enter)-.*\.js$/, async (route) => {
      await held.promise
      await route.continue()
    })
    for (const path of [`/c/${room}`, '/shell', '/enter', '/nowhere/at/all']) {
      await other.goto(server.url + path, { waitUntil: 'commit' })
      await other.locator('h1').first().waitFor({ state: 'attached' })
      expect([path, await paper(other)]).toEqual([path, PAPER.dark])
      expect(await other.locator('meta[name="theme-color"]').first().getAttribute('content')).toBe('#161614')
    }
    held.resolve()
    await context.unrouteAll({ behavior: 'wait' })
    await theme(page, 'As the device').click()
    await eventually(async () => (await paper(other)) === PAPER.light)
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await paper(page)).toBe(PAPER.dark)
    await theme(page, 'Light').click()
    expect(await paper(page)).toBe(PAPER.light)
    await theme(page, 'Dark').click()
    await page.emulateMedia({ media: 'print' })
    expect(await paper(page)).toBe(PAPER.light)
    // The browser says so of a page that is not there.
    await end(/status of 404/)
  }, 90_000)

  for (const [name, options] of [
    ['a desktop', { viewport: DESKTOP }],
    ['a phone', phone()],
  ] as const) {
    test(`the largest text has room on ${name}, axe objects to nothing, and nothing is hard to read in high contrast`, async () => {
      const { page, other, end } = await twoTabs(options)
      const long = 'Averyveryveryverylongwordthatnobodycanbreakandthatgoesonandonandonandonandonandon'
      emulator.script.push((answer) =>
        answer.write(`## ${long}\n\n- [x] \`${long}\`\n\n| ${long} | b |\n|--|--|\n| c | d |`).then(() => answer.finish()),
      )
      await say(other, long)
      await reply(other, 'complete').waitFor()
      await openSettings(page)
      await size(page, 'Largest').click()
      const text = log(other).locator('[data-part="text"]').first()
      await eventually(async () => (await text.evaluate((element) => getComputedStyle(element).fontSize)) === '24px')
      expect(await composer(other).evaluate((box) => getComputedStyle(box).fontSize)).toBe('24px')
      for (const one of [page.locator('html'), settings(page).locator('.panel-body'), other.locator('html'), log(other)])
        expect(await one.evaluate((element) => element.scrollWidth <= element.clientWidth)).toBe(true)

      for (const colorScheme of name === 'a phone' ? (['dark'] as const) : (['light', 'dark'] as const)) {
        await Promise.all([page, other].map((tab) => tab.emulateMedia({ colorScheme })))
        await axe(page)
        await theme(page, 'High contrast').click()
        await axe(other, 'color-contrast-enhanced')
        await theme(page, 'As the device').click()
      }
      // Who asks their device for it need not ask Confab.
      await page.emulateMedia({ colorScheme: 'dark', contrast: 'more' })
      await eventually(async () => (await paper(page)) === PAPER.strong)
      await theme(page, 'Dark').click()
      expect(await paper(page)).toBe(PAPER.dark)
      await size(page, 'Usual').click()
      await eventually(async () => (await text.evaluate((element) => getComputedStyle(element).fontSize)) === '16px')
      await end()
    }, 120_000)
  }

  test('Enter does what is wanted, in all tabs at once', async () => {
    const { page, other, end } = await twoTabs()
    await other.getByText('Enter sends · Shift+Enter new line').waitFor()
    const opened = await openSettings(page)
    await opened.getByRole('radio', { name: /^Enter: new line/ }).click()
    await other.getByText('Ctrl+Enter sends · Enter new line').waitFor()
    await composer(other).pressSequentially('One line')
    await composer(other).press('Enter')
    await composer(other).pressSequentially('and another')
    expect(await composer(other).inputValue()).toBe('One line\nand another')
    await composer(other).press('Control+Enter')
    await prompts(other, 'sent').getByText('One line').waitFor()
    await opened.getByRole('radio', { name: /^Enter sends/ }).click()
    await other.getByText('Enter sends · Shift+Enter new line').waitFor()
    await say(other, 'Sent by Enter')
    await prompts(other).getByText('Sent by Enter').waitFor()
    await end()
  }, 90_000)

  test('the name, and what rooms begin with, are the same on all devices', async () => {
    const { page, other, end } = await twoTabs()
    const elsewhere = await signedInContext(browser, server, phone())
    const away = await openRoom(await elsewhere.newPage(), server, await createRoom(wire, 'Elsewhere'))
    const there = await openSettings(away)
    const opened = await openSettings(page)
    await opened.getByRole('textbox', { name: 'Instructions' }).fill('Answer like a pirate.')
    await opened.getByRole('button', { name: 'Save' }).click()
    await opened.getByRole('button', { name: 'Save' }).waitFor({ state: 'hidden' })
    await eventually(async () => (await there.getByRole('textbox', { name: 'Instructions' }).inputValue()) === 'Answer like a pirate.')

    const before = other.url()
    await other.getByRole('button', { name: 'New conversation' }).click()
    await eventually(() => other.url() !== before)
    const prompt = `Where is the treasure? ${newId()}`
    await say(other, prompt)
    await reply(other, 'complete').waitFor()
    const asked = await emulator.waitForRequest((request) => request.prompt === prompt)
    expect(asked.rawBody).toContain('Answer like a pirate.')
    await wire.rpc.session.setDefaults({ instructions: '' })
    await eventually(async () => (await opened.getByRole('textbox', { name: 'Instructions' }).inputValue()) === '')
    await elsewhere.close()
    await end()
  }, 90_000)

  test('what the device holds can be cleared, and what is nowhere else is named and stays', async () => {
    const { page, other, room, end } = await twoTabs()
    await say(page, 'Kept by the server')
    await reply(page, 'complete').waitFor()
    await composer(page).fill('Not sent, and nowhere else')
    await eventually(async () => (await storedDraft(page, room)) === 'Not sent, and nowhere else')
    const opened = await openSettings(page)
    await opened.getByText('is kept: 1 draft.').waitFor()
    await opened.getByRole('button', { name: 'Clear' }).click()
    const question = page.getByRole('dialog', { name: 'Clear this device?' })
    await question.getByText('only this device has it: 1 draft.').waitFor()
    await question.getByRole('button', { name: 'Cancel' }).click()
    expect(await prompts(page).count()).toBe(1)
    await opened.getByRole('button', { name: 'Clear' }).click()
    const [, again] = await Promise.all([
      question.getByRole('button', { name: 'Clear' }).click(),
      other.waitForEvent('load'),
      page.waitForEvent('load'),
    ])
    expect(again).toBe(other)
    for (const tab of [page, other]) {
      await prompts(tab, 'sent').getByText('Kept by the server').waitFor()
      expect(await composer(tab).inputValue()).toBe('Not sent, and nowhere else')
    }
    await end()
  }, 90_000)

  test('a room that nobody has named gets a name after its first answer, on every device, and may be named otherwise', async () => {
    const { page, end } = await twoTabs()
    const context = await signedInContext(browser, server, phone())
    const away = await context.newPage()
    const id = await createRoom(wire)
    await openRoom(away, server, id)
    const heading = (tab: Page) => tab.getByRole('heading', { level: 1 })
    await say(away, `Which name is right? ${newId()}`)
    await heading(away).getByText('A found title').waitFor()
    expect(await away.title()).toBe('A found title · Confab')
    // Rooms of other tests are called the same by now.
    await rooms(page).locator(`a[href="/c/${id}"]`, { hasText: 'A found title' }).click()
    await heading(page).getByText('A found title').waitFor()
    await page.keyboard.press('F2')
    await page.getByRole('textbox', { name: 'Name of the room' }).fill('A chosen title')
    await page.keyboard.press('Enter')
    await heading(away).getByText('A chosen title').waitFor()
    await say(away, `And now? ${newId()}`)
    await eventually(async () => (await reply(away, 'complete').count()) === 2)
    expect(await heading(away).textContent()).toBe('A chosen title')
    await context.close()
    await end()
  }, 90_000)

  test('the name of a room is changed where it stands: by a click or F2, Enter keeps it, Escape gives it up', async () => {
    const { page, other, end } = await twoTabs()
    const heading = (tab: Page) => tab.getByRole('heading', { level: 1 })
    const box = page.getByRole('textbox', { name: 'Name of the room' })
    // Before the room is known there is nothing to rename.
    await page.getByRole('main').getByRole('button', { name: 'Rename' }).waitFor()
    await composer(page).focus()
    await page.keyboard.press('F2')
    await box.fill('Not this one')
    await page.keyboard.press('Escape')
    await box.waitFor({ state: 'hidden' })
    expect(await heading(page).textContent()).toBe('A room')
    await page.keyboard.press('F2')
    await box.fill('By the keyboard')
    await page.keyboard.press('Enter')
    await heading(other).getByText('By the keyboard').waitFor()
    const place = await heading(page).boundingBox()
    if (!place) throw new Error('the name is not shown')
    await page.mouse.click(place.x + place.width / 2, place.y + place.height / 2)
    await box.fill('By a click')
    await page.keyboard.press('Enter')
    await heading(other).getByText('By a click').waitFor()
    // Who goes to another room meanwhile has written it for this one.
    const before = page.url()
    await createRoom(wire, 'The room above')
    await rooms(page).getByText('The room above').waitFor()
    await page.keyboard.press('F2')
    await box.fill('By leaving')
    await page.keyboard.press('Alt+ArrowUp')
    await page.waitForURL((url) => url.href !== before)
    await heading(other).getByText('By leaving').waitFor()
    await end()
  }, 90_000)
})
