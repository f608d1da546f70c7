import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { SHORTCUT_WORDS } from '../../web/lib/shortcut-words.ts'
import { signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { picture } from '../support/pictures.ts'
import { articles, composer, createRoom, log, openRoom, prompts, reply, rooms, say } from '../support/room-page.ts'

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let page: Page
let watched: ReturnType<typeof watch>

beforeAll(async () => {
  context = await signedInContext(browser, server)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  page = await context.newPage()
  watched = watch(page, server)
  await openRoom(page, server, await createRoom(wire, 'Keys'))
  emulator.script.push((answer) => answer.write('A first answer').then(() => answer.finish()))
  await say(page, 'A first question')
  await reply(page, 'complete').waitFor()
  emulator.script.push((answer) => answer.write('line\n\n'.repeat(80)).then(() => answer.finish()))
  await say(page, 'A long one')
  await eventually(async () => (await reply(page, 'complete').count()) === 2)
}, 60_000)
afterAll(stop, 60_000)

const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key)
}
const hasFocus = (selector: string) => page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)
const focusedText = () => page.evaluate(() => (document.activeElement instanceof HTMLElement ? document.activeElement.innerText : ''))

describe('messages', () => {
  test('are gone through by arrows and by letters, and a long one is read before it is left', async () => {
    await composer(page).press('Escape')
    // What keys do with messages comes with the first key.
    await page.waitForLoadState('networkidle')
    await log(page).focus()
    await press('Home')
    await eventually(async () => (await focusedText()).includes('A first question'))
    await press('ArrowDown')
    await eventually(async () => (await focusedText()).includes('A first answer'))
    await press('k')
    await eventually(async () => (await focusedText()).includes('A first question'))
    await press('End')
    await eventually(() => hasFocus('article[data-message-id]:last-of-type'))
    const top = await log(page).evaluate((box) => box.scrollTop)
    await press('ArrowDown')
    await eventually(async () => (await log(page).evaluate((box) => box.scrollTop)) > top)
    expect(await hasFocus('article[data-message-id]:last-of-type')).toBe(true)
    await press('k')
    await eventually(async () => (await focusedText()).includes('A long one'))
    await press('Escape')
    await eventually(() => hasFocus('#message'))
  }, 60_000)

  test('open what can be done with them, and have the focus again afterwards', async () => {
    await log(page).focus()
    await press('Home')
    for (const key of ['Enter', 'Shift+F10']) {
      await press(key)
      await eventually(() => hasFocus('[role="menuitem"]'))
      await press('End')
      await eventually(async () => (await focusedText()) === 'Fork from here')
      await press('Home')
      await eventually(async () => (await focusedText()) === 'Quote')
      await press('Escape')
      await eventually(() => hasFocus('article[data-role="user"]'))
    }
    await press('Enter')
    await eventually(() => hasFocus('[role="menuitem"]'))
    await press('ArrowDown', 'Enter')
    await eventually(() => hasFocus('article[data-role="user"]'))
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('A first question')
  }, 60_000)
})

test('the focus stays where something was done, also when what did it is gone', async () => {
  await openRoom(page, server, await createRoom(wire, 'Focus'))
  await say(page, 'a long answer [[chunks=400 every=30]]')
  await reply(page, 'streaming').waitFor()
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  const again = page.getByRole('button', { name: /^(Continue|Try again)$/ })
  await again.waitFor()
  // What keys do with messages comes with the first key.
  await press('Shift')
  await page.waitForLoadState('networkidle')
  const id = await reply(page).getAttribute('data-message-id')
  await reply(page).getByRole('button', { name: 'Regenerate' }).focus()
  await press('Enter')
  await eventually(() => hasFocus(`article[data-role="model"]:not([data-message-id="${id}"])`))
  await reply(page, 'streaming').waitFor()
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await again.focus()
  await press('Enter')
  await again.waitFor({ state: 'detached' })
  await eventually(() => hasFocus('article[data-role="model"]'))

  for (const key of ['Enter', 'Escape']) {
    await press('F2')
    await page.getByRole('textbox', { name: 'Name of the room' }).fill('Focused')
    await press(key)
    await eventually(() => hasFocus('#rename-room'))
  }
}, 60_000)

describe('shortcuts', () => {
  test('are listed on a sheet, which has all that there are, and by the palette', async () => {
    await composer(page).press('?')
    expect(await composer(page).inputValue()).toBe('?')
    await composer(page).fill('')
    await press('Control+/')
    const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    await sheet.waitFor()
    for (const { words } of Object.values(SHORTCUT_WORDS)) await sheet.getByRole('term').filter({ hasText: words }).first().waitFor()
    await picture(page, 'shortcut-sheet')
    await press('Escape')
    await sheet.waitFor({ state: 'hidden' })
    await eventually(() => hasFocus('#message'))
    await press('Control+k')
    await page.getByRole('combobox').fill('copy the last')
    await page.getByRole('option', { name: 'Copy the last answer' }).getByText('Ctrl').waitFor()
    await picture(page, 'palette-keys')
    await press('Escape')
  }, 60_000)

  test('that are single keys can be turned off', async () => {
    const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    await log(page).focus()
    await press('?')
    await sheet.waitFor()
    await sheet.getByRole('checkbox', { name: 'Single keys' }).uncheck()
    await press('Escape')
    await sheet.waitFor({ state: 'hidden' })
    await log(page).focus()
    await press('?', 'c')
    expect(await hasFocus('[role="log"]')).toBe(true)
    await press('Control+/')
    await sheet.getByRole('checkbox', { name: 'Single keys' }).check()
    await press('Escape')
    await sheet.waitFor({ state: 'hidden' })
    await log(page).focus()
    await press('c')
    await eventually(() => hasFocus('#message'))
  }, 60_000)

  test('begin a room, go to the next and back, stop, copy, edit, and fold the list away', async () => {
    const before = page.url()
    await press('Control+Shift+O')
    await eventually(() => page.url() !== before)
    await eventually(() => hasFocus('#message'))
    await say(page, 'Stop this [[hand]]')
    const answer = await emulator.next({ prompt: 'Stop this' })
    await answer.write('Some words')
    await reply(page, 'streaming').getByText('Some words').waitFor()
    await press('Control+.')
    await reply(page, 'stopped').waitFor()
    await press('Control+Shift+C')
    await eventually(async () => (await page.evaluate(() => navigator.clipboard.readText())) === 'Some words')
    await press('Control+Shift+E')
    await page.getByRole('textbox', { name: 'Edit prompt' }).waitFor()
    await eventually(() => hasFocus('[aria-label="Edit prompt"]'))
    await press('Escape')
    await prompts(page).waitFor()
    const newer = page.url()
    await press('Alt+ArrowDown')
    await eventually(() => page.url() === before)
    await press('Alt+ArrowUp')
    await eventually(() => page.url() === newer)
    await press('Control+Shift+S')
    await rooms(page).waitFor({ state: 'hidden' })
    await picture(page, 'list-folded')
    await page.getByRole('button', { name: 'Show the list' }).click()
    await rooms(page).waitFor()
    await press('Shift+Escape')
    await eventually(() => hasFocus('#message'))
    await press('Control+,')
    await page.getByRole('dialog').waitFor()
    // What would be done behind a dialog is not done at all.
    await press('Control+Shift+O', 'Alt+ArrowDown')
    expect(page.url()).toBe(newer)
    await press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  }, 60_000)
})

test('the first links of the page lead to the message box and to the messages', async () => {
  await page.goto(page.url())
  await composer(page).waitFor()
  const address = page.url()
  for (const [name, selector] of [
    ['Write a message', '#message'],
    ['Read the messages', '[role="log"]'],
  ] as const) {
    const link = page.getByRole('link', { name })
    await link.focus()
    expect((await link.boundingBox())?.height).toBeGreaterThan(30)
    await picture(page, 'skip-link')
    await press('Enter')
    await eventually(() => hasFocus(selector))
  }
  expect(page.url()).toBe(address)
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1)
}, 60_000)

test('a reply is announced once, when it has ended; nothing is while it grows', async () => {
  await page.evaluate(() => {
    const heard: string[] = []
    Object.assign(window, { heard })
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target instanceof Element ? target : target.parentElement)?.closest(
          '[aria-live], [role="status"], [role="alert"], [role="log"]',
        )
        if (region && region.getAttribute('aria-live') !== 'off' && region.textContent?.trim()) heard.push(region.textContent.trim())
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  const heard = () => page.evaluate(() => ('heard' in window && Array.isArray(window.heard) ? window.heard.map(String) : []))
  const count = await articles(page).count()
  await say(page, 'Piece by piece [[hand]]')
  const answer = await emulator.next({ prompt: 'Piece by piece' })
  for (const piece of ['One. ', 'Two.\n\n', 'Three.']) await answer.write(piece)
  await reply(page, 'streaming').getByText('Three.').waitFor()
  expect((await heard()).filter((words) => /One|Two|Three|writing/.test(words))).toEqual([])
  await answer.finish()
  await eventually(async () => (await reply(page, 'complete').count()) > 0 && (await articles(page).count()) === count + 2)
  await eventually(async () => (await heard()).some((words) => words.includes('One.')))
  expect((await heard()).filter((words) => words.includes('One.'))).toHaveLength(1)
  watched.expectQuiet()
}, 60_000)
