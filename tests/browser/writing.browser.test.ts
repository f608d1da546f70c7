import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright'
import { LIMITS } from '#contract'
import { DESKTOP, LOST, openProfile, phone, signIn, type Watch, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { picture } from '../support/pictures.ts'
import { composer, createRoom, log, openRoom, prompts, reply, say, storedDraft } from '../support/room-page.ts'
import { holdTable } from '../support/stored-rows.ts'

const { server, browser, wire, owner, stop } = await setBrowserStage()
const { cookie } = owner
afterAll(stop, 30_000)

const commands = (page: Page) => page.getByRole('listbox', { name: 'Commands' })
const option = (page: Page, name: string) => commands(page).getByRole('option', { name })
const active = (page: Page) => commands(page).getByRole('option', { selected: true })
const send = (page: Page) => page.getByRole('button', { name: 'Send', exact: true })
const edit = (page: Page) => page.getByRole('textbox', { name: 'Edit prompt' })
const holds = (page: Page, text: string) => eventually(async () => (await composer(page).inputValue()) === text)
const heightOf = async (page: Page) => (await composer(page).boundingBox())?.height ?? 0
const hasFocus = (page: Page) => eventually(() => composer(page).evaluate((box) => box === document.activeElement))

const devices: [name: string, options: BrowserContextOptions][] = [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
]

describe.each(devices)('writing on %s', (name, options) => {
  const isPhone = name === 'a phone'
  let context: BrowserContext
  let page: Page
  let seen: Watch
  let room: string
  beforeAll(async () => {
    context = await browser.newContext(options)
    await signIn(context, server, cookie)
    page = await context.newPage()
    seen = watch(page, server)
    room = await createRoom(wire, 'The shed')
    await openRoom(page, server, room)
  }, 30_000)
  afterAll(async () => {
    seen?.expectQuiet(...LOST)
    await context?.close()
  })

  test('a command is found by its first letters, chosen by keys or by a tap, and does what it says', async () => {
    await composer(page).focus()
    await page.keyboard.type('/')
    await option(page, 'New conversation').waitFor()
    expect(await active(page).textContent()).toContain('New conversation')
    await picture(page, `writing-slash-${name}`)
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await composer(page).getAttribute('aria-activedescendant')).toBe((await active(page).getAttribute('id')) ?? '?')
    if (!isPhone) expect(await objections(page)).toEqual([])
    await page.keyboard.type('ren')
    await option(page, 'Rename this conversation').waitFor()
    expect(await commands(page).getByRole('option').count()).toBe(1)
    await page.keyboard.type('ame The greenhouse')
    await option(page, 'Rename this conversation to “The greenhouse”').waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'The greenhouse' }).waitFor()
    await holds(page, '')
    await page.keyboard.type('/room')
    await (isPhone ? option(page, 'Model and rules').tap() : option(page, 'Model and rules').click())
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await holds(page, '')
    await hasFocus(page)
    await page.keyboard.type('/no')
    await option(page, 'Write a note').waitFor()
    await page.keyboard.press('Tab')
    await holds(page, '/note ')
    await page.keyboard.type('Pick up Mara at six')
    await page.keyboard.press('Enter')
    await log(page).locator('[data-role="note"]').getByText('Pick up Mara at six', { exact: true }).waitFor()
  }, 40_000)

  test('what is no command is not sent by mistake, and is a text after Escape', async () => {
    await composer(page).focus()
    await page.keyboard.type('/frobnicate')
    await page.getByText('There is no command “/frobnicate”.').waitFor()
    await picture(page, `writing-no-command-${name}`)
    await page.keyboard.press('Enter')
    await holds(page, '/frobnicate')
    await page.keyboard.press('Escape')
    await commands(page).waitFor({ state: 'detached' })
    await page.keyboard.type('!')
    await page.keyboard.press('Enter')
    await prompts(page).getByText('/frobnicate!').waitFor()
    await page.keyboard.type('/frob')
    await page.getByRole('button', { name: 'Send as text' }).click()
    await prompts(page).getByText('/frob', { exact: true }).waitFor()
    await page.keyboard.type('/etc/hosts is a file')
    expect(await commands(page).count()).toBe(0)
    await composer(page).fill('')
  }, 30_000)

  test('the arrow up in an empty box edits what was asked last, and Escape leaves it', async () => {
    await say(page, 'a question about apples [[chunks=1]]')
    await prompts(page, 'sent').filter({ hasText: 'apples' }).waitFor()
    await hasFocus(page)
    await page.keyboard.press('ArrowUp')
    await edit(page).waitFor()
    await eventually(() => edit(page).evaluate((box) => box.getBoundingClientRect().top > 60 && box === document.activeElement))
    expect(await edit(page).inputValue()).toBe('a question about apples [[chunks=1]]')
    await page.keyboard.press('Escape')
    await edit(page).waitFor({ state: 'detached' })
    await hasFocus(page)
    await page.keyboard.press('ArrowUp')
    await edit(page).fill('a question about pears [[chunks=1]]')
    await edit(page).press('Enter')
    await prompts(page).filter({ hasText: 'pears' }).waitFor()
    await page.getByRole('img', { name: 'Version 2 of 2', exact: true }).waitFor()
    await hasFocus(page)
    // Where there is a text the arrow moves in it.
    await page.keyboard.type('x')
    await page.keyboard.press('ArrowUp')
    await holds(page, 'x')
    expect(await edit(page).count()).toBe(0)
    await composer(page).fill('')
  }, 30_000)

  test('the box grows with its text up to a bound and shrinks again, and the transcript stays at its end', async () => {
    await eventually(async () => (await reply(page, 'streaming').count()) + (await reply(page, 'queued').count()) === 0)
    const empty = await heightOf(page)
    // What a picture shows, not what is between two of them.
    const end = () =>
      log(page).evaluate(async (list) => {
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
        return Math.round(list.scrollHeight - list.scrollTop - list.clientHeight)
      })
    expect(await end()).toBeLessThanOrEqual(1)
    await composer(page).fill('one\ntwo\nthree')
    await picture(page, `writing-growing-${name}`)
    expect(await heightOf(page)).toBeGreaterThan(empty + 40)
    expect(await end()).toBeLessThanOrEqual(1)
    await composer(page).fill('line\n'.repeat(60))
    const most = await heightOf(page)
    expect(most).toBeLessThanOrEqual((options.viewport?.height ?? 0) * 0.4 + 1)
    expect(await composer(page).evaluate((box) => box.scrollHeight > box.clientHeight)).toBe(true)
    expect(await end()).toBeLessThanOrEqual(1)
    await composer(page).fill('')
    expect(await heightOf(page)).toBe(empty)
    expect(await end()).toBeLessThanOrEqual(1)
    expect(await page.getByRole('button', { name: 'Newest' }).count()).toBe(0)
  }, 30_000)

  test('a text that is too long is kept whole, and nothing sends it before it is shortened', async () => {
    const text = 'All of it. '.repeat(6_000)
    await composer(page).fill(text)
    const words = `${(text.length - LIMITS.messageLength).toLocaleString('en-US')} characters over the limit of ${LIMITS.messageLength.toLocaleString('en-US')}`
    await page.getByText(words).waitFor()
    await picture(page, `writing-too-long-${name}`)
    expect(await send(page).isDisabled()).toBe(true)
    await composer(page).press('Enter')
    expect(await composer(page).inputValue()).toBe(text)
    await composer(page).fill(text.slice(0, LIMITS.messageLength))
    expect(await send(page).isEnabled()).toBe(true)
    await page.getByText('0 characters left').waitFor()
    await composer(page).fill('')
  }, 30_000)

  test('Enter that chooses a word of an input method sends nothing, and Shift+Enter breaks the line', async () => {
    await composer(page).fill('ni')
    const cancelled = (init: { isComposing?: boolean; keyCode?: number }) =>
      composer(page).evaluate((box, given) => {
        const event = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...given })
        return !box.dispatchEvent(event)
      }, init)
    expect(await cancelled({ isComposing: true })).toBe(false)
    // As Safari tells it: the composition has ended before the key.
    await composer(page).evaluate((box) => {
      box.dispatchEvent(new CompositionEvent('compositionstart', { bubbles: true }))
      box.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true, data: '你' }))
    })
    expect(await cancelled({ keyCode: 229 })).toBe(false)
    await holds(page, 'ni')
    await composer(page).press('End')
    await composer(page).press('Shift+Enter')
    await holds(page, 'ni\n')
    await composer(page).fill('')
  }, 30_000)

  test('prompts are saved, put into the composer by their name, filled in from blank to blank, changed and taken away', async () => {
    const panel = page.getByRole('dialog', { name: 'Saved prompts' })
    const list = panel.getByRole('list', { name: 'Saved prompts' })
    await page.keyboard.type('/prompts')
    await option(page, 'Saved prompts').waitFor()
    await page.keyboard.press('Enter')
    await panel.getByText('What you ask again and again').waitFor()
    await picture(page, `writing-prompts-none-${name}`)
    await panel.getByRole('button', { name: 'New prompt' }).click()
    expect(await panel.getByRole('button', { name: 'Save prompt' }).isDisabled()).toBe(true)
    await panel.getByRole('textbox', { name: 'Name' }).fill('Compare two')
    await panel.getByRole('textbox', { name: 'Text' }).fill('Compare {{this}} with {{that}}, please. [[chunks=1]]')
    await panel.getByText('Blanks to fill in').waitFor()
    await picture(page, `writing-prompts-editing-${name}`)
    await panel.getByRole('button', { name: 'Save prompt' }).click()
    await list.getByText('Compare two').waitFor()
    if (isPhone) expect(await objections(page)).toEqual([])
    await panel.getByRole('button', { name: 'Close' }).click()

    await hasFocus(page)
    await page.keyboard.type('/comp')
    await option(page, 'Compare two').waitFor()
    await picture(page, `writing-prompts-slash-${name}`)
    await page.keyboard.press('Enter')
    await page.getByText('2 blanks to fill in').waitFor()
    await picture(page, `writing-blanks-${name}`)
    // Nothing goes with blanks in it by mistake: the key that sends leads to the next one.
    await page.keyboard.press('Enter')
    await page.getByText('2 blanks to fill in').waitFor()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.type('tea')
    await page.getByText('1 blank to fill in').waitFor()
    await (isPhone ? page.getByRole('button', { name: 'Next blank' }).tap() : page.keyboard.press('Tab'))
    await page.keyboard.type('coffee')
    await holds(page, 'Compare tea with coffee, please. [[chunks=1]]')
    await page.getByText('to fill in').waitFor({ state: 'detached' })
    await page.keyboard.press('Enter')
    await prompts(page).getByText('Compare tea with coffee, please.').waitFor()

    await page.keyboard.type('/prompts')
    await option(page, 'Saved prompts').waitFor()
    await page.keyboard.press('Enter')
    await panel.getByRole('button', { name: 'Edit Compare two' }).click()
    await panel.getByRole('textbox', { name: 'Name' }).fill('Compare')
    await panel.getByRole('button', { name: 'Save', exact: true }).click()
    await picture(page, `writing-prompts-some-${name}`)
    await panel.getByRole('button', { name: 'Delete Compare' }).click()
    await panel.getByText('“Compare” is deleted.').waitFor()
    await panel.getByRole('button', { name: 'Undo' }).click()
    await panel.getByRole('button', { name: 'Delete Compare' }).waitFor()
    await context.setOffline(true)
    await panel.getByText('There is no connection').waitFor()
    expect(await panel.getByRole('button', { name: 'Delete Compare' }).isDisabled()).toBe(true)
    await panel.getByRole('button', { name: 'Insert Compare' }).click()
    await holds(page, 'Compare {{this}} with {{that}}, please. [[chunks=1]]')
    await context.setOffline(false)
    await composer(page).fill('')
    for (const { id } of (await wire.rpc.preset.list({})).presets) await wire.rpc.preset.remove({ id })
    seen.expectQuiet(...LOST, /Failed to load resource/)
  }, 60_000)

  test('what is written while a reply runs waits for its turn', async () => {
    await say(page, 'long [[chunks=400 every=30]]')
    await reply(page, 'streaming').waitFor()
    await say(page, 'the next question [[chunks=1]]')
    await reply(page, 'queued').waitFor()
    await composer(page).fill('and one more')
    await page.getByRole('button', { name: 'Ask instead' }).waitFor({ state: 'detached' })
    await picture(page, `writing-queued-${name}`)
    await composer(page).fill('')
    await page.keyboard.type('/sto')
    await option(page, 'Stop the answer').waitFor()
    await page.keyboard.press('Enter')
    await reply(page, 'stopped').waitFor()
    await eventually(async () => (await reply(page, 'queued').count()) === 0)
  }, 40_000)
})

test('a command works on what runs now, however slowly the device says what that is', async () => {
  const id = await createRoom(wire, 'Slow device')
  const context = await browser.newContext({ viewport: DESKTOP })
  await signIn(context, server, cookie)
  const page = await context.newPage()
  await openRoom(page, server, id)
  const slash = async (word: string) => {
    await composer(page).focus()
    await page.keyboard.type(`/${word}`)
  }
  await say(page, 'first [[chunks=4000 every=30]]')
  await slash('sto')
  await option(page, 'Stop the answer').click()
  await reply(page, 'stopped').waitFor()
  await say(page, 'second [[chunks=4000 every=30]]')
  await reply(page, 'streaming').waitFor()

  // The list may show for a moment what ran when it was there last.
  const release = await holdTable(page, 'conversations')
  await slash('sto')
  await option(page, 'Stop the answer').click()
  await release()
  await eventually(async () => (await reply(page, 'stopped').count()) === 2)
  await context.close()
}, 40_000)

test('a draft is in every tab as it is written, where the others can be written on, and is gone everywhere once it is sent', async () => {
  const id = await createRoom(wire, 'Two tabs')
  const context = await browser.newContext({ viewport: DESKTOP })
  await signIn(context, server, cookie)
  const [one, two] = [await context.newPage(), await context.newPage()]
  for (const page of [one, two]) await openRoom(page, server, id)
  await composer(one).pressSequentially('We could go by train')
  await holds(two, 'We could go by train')

  // Who has the cursor somewhere keeps it there, and goes on from what the other tab says.
  await composer(two).evaluate((box: HTMLTextAreaElement) => box.setSelectionRange(3, 3))
  await composer(one).pressSequentially(' tomorrow')
  await holds(two, 'We could go by train tomorrow')
  expect(await composer(two).evaluate((box: HTMLTextAreaElement) => box.selectionStart)).toBe(3)
  await two.keyboard.type('all ')
  await holds(one, 'We all could go by train tomorrow')

  // Both at once: no key of the one that writes last is lost, and in the end both hold the same.
  await Promise.all([composer(one).pressSequentially('!!!!!!!!'), composer(two).pressSequentially('????????')])
  await composer(one).press('End')
  await one.keyboard.type(' Yes.')
  const text = await composer(one).inputValue()
  expect(text).toEndWith(' Yes.')
  await holds(two, text)

  await composer(two).press('Enter')
  await holds(one, '')
  await holds(two, '')
  await prompts(one).getByText('Yes.').waitFor()
  expect(await prompts(one).count()).toBe(1)
  await context.close()
}, 40_000)

test('a draft outlives the end of its browser that nobody expected', async () => {
  const id = await createRoom(wire, 'Killed')
  const folder = mkdtempSync(join(tmpdir(), 'confab-killed-'))
  const text = 'half a thought, and a half more'
  try {
    const context = await openProfile(folder)
    await signIn(context, server, cookie)
    const [page] = context.pages()
    if (!page) throw new Error('The browser has no page')
    await openRoom(page, server, id)
    const closed = new Promise((resolve) => context.once('close', resolve))
    await composer(page).pressSequentially(text)
    await eventually(async () => (await storedDraft(page, id)) === text)
    process.kill(await processOf(folder), 'SIGKILL')
    await closed

    const again = await openProfile(folder)
    await signIn(again, server, cookie)
    const [restored] = again.pages()
    if (!restored) throw new Error('The browser has no page')
    await openRoom(restored, server, id)
    await holds(restored, text)
    await again.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)

/** The browser that has this folder for its profile. */
async function processOf(folder: string): Promise<number> {
  for await (const file of new Bun.Glob('*/cmdline').scan({ cwd: '/proc', onlyFiles: false })) {
    const line = await Bun.file(`/proc/${file}`)
      .text()
      .catch(() => '')
    if (line.includes(`--user-data-dir=${folder}\0`) && !line.includes('--type=')) return Number(file.split('/')[0])
  }
  throw new Error('The browser is not there')
}
