import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContextOptions, Locator, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, LOST, phone, watch, type Watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { admit, type Entered, introduce } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { createRoom, online, prompts, reply, say } from '../support/room-page.ts'

const postgres = await startPostgres()
const { emulator, server, browser, owner: ada, wire, stop } = await setBrowserStage({ postgres })
let mara: Entered
const watches: Watch[] = []

beforeAll(async () => {
  mara = await introduce(postgres.url, ada, 'Mara')
}, 90_000)
afterAll(async () => {
  // One of them was offline for a while.
  for (const seen of watches) seen.expectQuiet(...LOST)
  await stop()
}, 30_000)

async function open(who: Entered, id: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options })
  const [name = '', ...value] = who.cookie.split('=')
  await context.addCookies([{ name, value: value.join('='), url: server.url, httpOnly: true, sameSite: 'Lax' }])
  const page = await context.newPage()
  watches.push(watch(page, server))
  await page.goto(`${server.url}/c/${id}`)
  await online(page)
  return page
}

const button = (at: Page | Locator, name: string) => at.getByRole('button', { name, exact: true })
const counter = (page: Page, words: string) => page.getByRole('img', { name: words, exact: true })

test('two people say it otherwise, have it answered anew, page through the versions and go on in a room of their own', async () => {
  const id = await createRoom(wire, 'Versions')
  await admit(postgres.url, id, mara)
  const [mine, hers] = [await open(ada, id), await open(mara, id, phone())]
  await say(mine, 'a question about apples [[chunks=1]]')
  await reply(hers, 'complete').waitFor()
  expect(await button(prompts(hers), 'Edit').count()).toBe(0)

  await prompts(mine).hover()
  await button(prompts(mine), 'Edit').click()
  const box = mine.getByRole('textbox', { name: 'Edit prompt' })
  await box.waitFor()
  await mine.keyboard.press('Escape')
  await box.waitFor({ state: 'detached' })
  expect(await mine.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Edit')
  await mine.keyboard.press('Enter')
  await box.fill('a question about pears [[chunks=1]]')
  await box.press('Enter')
  for (const page of [mine, hers]) {
    await prompts(page).filter({ hasText: 'pears' }).waitFor()
    await counter(page, 'Version 2 of 2').waitFor()
    expect(await prompts(page).filter({ hasText: 'apples' }).count()).toBe(0)
    await reply(page, 'complete').waitFor()
  }

  // By the keyboard, one way and back; the other person sees it, too, and stays where the button was.
  await button(mine, 'Previous version').focus()
  await mine.keyboard.press('Enter')
  for (const page of [mine, hers]) await prompts(page).filter({ hasText: 'apples' }).waitFor()
  await eventually(async () => (await mine.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === 'Next version')
  await button(hers, 'Next version').click()
  for (const page of [mine, hers]) await prompts(page).filter({ hasText: 'pears' }).waitFor()

  await button(reply(hers, 'complete'), 'Regenerate').click()
  await eventually(async () => (await counter(mine, 'Version 2 of 2').count()) === 2)
  await reply(mine, 'complete').waitFor()

  await button(reply(hers, 'complete'), 'More').click()
  await hers.getByRole('menuitem', { name: 'Fork from here' }).click()
  await hers.waitForURL((url) => url.pathname.startsWith('/c/') && !url.pathname.endsWith(id))
  await prompts(hers).filter({ hasText: 'pears' }).waitFor()
  await counter(hers, 'Version 2 of 2').waitFor({ state: 'detached' })

  // A version that is asked for without a network stands at once, and is asked once when there is one.
  await mine.context().setOffline(true)
  await prompts(mine).hover()
  await button(prompts(mine), 'Edit').click()
  await box.fill('a question about plums [[chunks=1]]')
  await button(mine, 'Save and ask').click()
  await prompts(mine, 'pending').filter({ hasText: 'plums' }).waitFor()
  expect(await prompts(mine).count()).toBe(1)
  await mine.context().setOffline(false)
  await counter(mine, 'Version 3 of 3').waitFor()
  await reply(mine, 'complete').waitFor()
  expect(emulator.requests.filter(({ prompt }) => prompt.includes('plums'))).toHaveLength(1)
  for (const page of [mine, hers]) await page.context().close()
}, 90_000)

for (const [name, options] of [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
] as const) {
  test(`what one pages through stays where it was pressed, and a message of another version is not called gone, on ${name}`, async () => {
    const id = await createRoom(wire, 'Pages')
    const page = await open(ada, id, options)
    const answer = async (question: string, text: string) => {
      emulator.script.push((play) => play.write(text).then(() => play.finish()))
      const { id: promptId, replyId } = { id: newId(), replyId: newId() }
      await wire.rpc.message.send({ id: promptId, conversationId: id, text: question, kind: 'prompt', replyId })
      await reply(page, 'complete').locator(`xpath=self::*[@data-message-id="${replyId}"]`).waitFor()
      return { promptId, replyId }
    }
    const long = Array.from({ length: 60 }, (_, line) => `Line ${line + 1}.`).join('\n\n')
    await answer('First of all', 'A few words.')
    const { promptId, replyId } = await answer('A long one?', long)
    emulator.script.push((play) => play.write('Short.').then(() => play.finish()))
    await wire.rpc.message.edit({ of: promptId, id: newId(), replyId: newId(), text: 'A short one?' })
    await reply(page, 'complete').getByText('Short.').waitFor()

    const topOf = async (label: string) => Math.round((await button(page, label).boundingBox())?.y ?? Number.NaN)
    for (const [label, words] of [
      ['Previous version', 'A long one?'],
      ['Next version', 'A short one?'],
    ] as const) {
      const before = await topOf(label)
      await button(page, label).click()
      await prompts(page).getByText(words).waitFor()
      await eventually(async () => Math.abs((await topOf(label)) - before) <= 1)
    }

    await page.goto(`${server.url}/c/${id}#m-${replyId}`)
    await page.getByText('stands in another version').waitFor()
    await page.context().close()
  }, 60_000)
}
