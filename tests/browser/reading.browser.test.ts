import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { articles, createRoom, log, openRoom, rooms, say } from '../support/room-page.ts'

const NOTES = 320

const { server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let long: string
const noteIds: string[] = []

beforeAll(async () => {
  context = await signedInContext(browser, server, { permissions: ['clipboard-read', 'clipboard-write'] })
  long = await createRoom(wire, 'A long room')
  for (let number = 1; number <= NOTES; number++) {
    const id = newId()
    noteIds.push(id)
    const text = `Note ${number}. ${'Some words of it. '.repeat((number * 7) % 23)}`.trim()
    await wire.rpc.message.send({ id, conversationId: long, text, kind: 'note', replyId: newId() })
  }
}, 60_000)
afterAll(stop, 30_000)

const note = (page: Page, number: number) => page.locator(`article[data-message-id="${noteIds[number - 1]}"]`)

/** How far below the top of the transcript a note is; null: it is not in view. */
function seenAt(page: Page, number: number): Promise<number | null> {
  return note(page, number).evaluate((element) => {
    const box = element.closest('[role="log"]')?.getBoundingClientRect()
    const { top, bottom } = element.getBoundingClientRect()
    return box && bottom > box.top && top < box.bottom ? Math.round(top - box.top) : null
  })
}

async function numbers(page: Page): Promise<number[]> {
  const texts = await articles(page).locator('[data-part="text"]').allTextContents()
  return texts.map((text) => Number(/^Note (\d+)\./.exec(text)?.[1]))
}

describe('the address of a message', () => {
  for (const [name, options] of [
    ['a desktop', { viewport: DESKTOP }],
    ['a phone', phone()],
  ] as const) {
    test(`shows it in its place and marked, with what is around it, on ${name}`, async () => {
      const device = await signedInContext(browser, server, options)
      const page = await device.newPage()
      const { expectQuiet } = watch(page, server)
      await page.goto(`${server.url}/c/${long}#m-${noteIds[39]}`)
      await note(page, 40).waitFor()
      await eventually(async () => (await seenAt(page, 40)) === 16)
      expect(await note(page, 40).evaluate((element) => element.classList.contains('marked'))).toBe(true)
      // Neither the whole room nor its end: a part of it, without a gap.
      const shown = await numbers(page)
      expect(shown.length).toBeLessThan(NOTES / 2)
      expect(shown).toEqual(Array.from({ length: shown.length }, (_, index) => (shown[0] ?? 0) + index))

      // Reading on brings what comes later, until the end of the room is the end of what is shown.
      const end = () => log(page).evaluate((box) => box.scrollTo({ top: box.scrollHeight, behavior: 'instant' }))
      await eventually(async () => {
        await end()
        return (await note(page, NOTES).count()) === 1
      })
      const whole = Array.from({ length: NOTES - (shown[0] ?? 0) + 1 }, (_, index) => (shown[0] ?? 0) + index)
      await eventually(async () => String(await numbers(page)) === String(whole))

      await page.reload()
      await eventually(async () => (await note(page, 40).count()) === 1 && (await seenAt(page, 40)) === 16)
      await page.getByRole('button', { name: 'Newest' }).click()
      await note(page, NOTES).waitFor()
      await eventually(async () => (await seenAt(page, NOTES)) !== null)
      expect(page.url()).toBe(`${server.url}/c/${long}`)
      expectQuiet()
      await device.close()
    }, 60_000)
  }

  test('is followed inside of the app when somebody writes it in a room, and what one says oneself comes back to the end', async () => {
    const other = await createRoom(wire, 'Another room')
    const page = await openRoom(await context.newPage(), server, other)
    await say(page, `/note Look here: ${server.url}/c/${long}#m-${noteIds[4]}`)
    await log(page).getByRole('link').click()
    await eventually(async () => (await note(page, 5).count()) === 1 && (await seenAt(page, 5)) !== null)
    expect(context.pages().length).toBe(1)
    await page.bringToFront()
    await say(page, '/note Back to the end')
    await articles(page).getByText('Back to the end').waitFor()
    await eventually(async () => (await log(page).evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop)) < 1)
    await page.goBack()
    await eventually(async () => (await articles(page).getByText('Look here').count()) === 1)
    await page.close()
  }, 60_000)

  test('is shown also in a room where something waits to be sent', async () => {
    await createRoom(wire, 'A room beside')
    const page = await openRoom(await context.newPage(), server, long)
    await note(page, NOTES - 10).waitFor()
    const go = (title: string) => rooms(page).getByRole('link', { name: title }).click()
    await go('A room beside')
    await say(page, `/note And here: ${server.url}/c/${long}#m-${noteIds[NOTES - 11]}`)
    await page.locator('article[data-state="sent"]').getByRole('link').waitFor()
    await go('A long room')
    await page.bringToFront()
    await context.setOffline(true)
    await say(page, '/note Later')
    await page.locator('article[data-state="pending"]').waitFor()
    await go('A room beside')
    await log(page).getByRole('link').click()
    await page.locator('article[data-state="pending"]').waitFor()
    await eventually(async () => (await note(page, NOTES - 10).count()) === 1 && (await seenAt(page, NOTES - 10)) === 16)
    expect(page.url()).toEndWith(`#m-${noteIds[NOTES - 11]}`)
    await context.setOffline(false)
    await page.locator('article[data-state="pending"]').waitFor({ state: 'detached' })
    await page.close()
  }, 60_000)

  test('of a message that is not there says so', async () => {
    const page = await openRoom(await context.newPage(), server, long)
    await page.goto(`${server.url}/c/${long}#m-${newId()}`)
    await page.getByText('That message is not here any more.').waitFor()
    await page.close()
  }, 60_000)
})
