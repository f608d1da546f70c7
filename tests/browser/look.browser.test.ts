import { afterAll, describe, expect, test } from 'bun:test'
import type { BrowserContextOptions, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { freshLink } from '../support/people.ts'
import { composer, createRoom, log, online, openRoom, prompts, reply, rooms, say } from '../support/room-page.ts'
import { smallTargets } from '../support/touch.ts'

const EVERYTHING = `## A heading

Some **bold** words, \`code\`, a [link](https://example.org/) and a list:

1. one
2. two
   - deeper

> A quotation.

| left | right |
|:-----|------:|
| a    | 1     |

\`\`\`ts
// A comment
const answer: string = 'forty-two' + 42
\`\`\`

- [x] done`

const { emulator, server, browser, wire, stop } = await setBrowserStage()
afterAll(stop, 30_000)

/** The emulator is asked for everything that Markdown has. */
async function sayEverything(page: Page): Promise<void> {
  emulator.script.push((answer) => answer.write(EVERYTHING).then(() => answer.finish()))
  await say(page, 'Show me `everything`, also https://example.org/a')
  await reply(page, 'complete').last().locator('.hljs-keyword').waitFor()
}

const devices: [name: string, options: BrowserContextOptions][] = [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
]

/** Does the same by day and by night, at the same time. */
async function byDayAndNight(options: BrowserContextOptions, visit: (options: BrowserContextOptions) => Promise<void>): Promise<void> {
  await Promise.all((['light', 'dark'] as const).map((colorScheme) => visit({ ...options, colorScheme })))
}

type Check = (page: Page, state: string) => Promise<void>

/** Goes through the states of the room, and calls `check` in each. */
async function walk(page: Page, narrow: boolean, check: Check): Promise<void> {
  await openRoom(page, server, await createRoom(wire))
  await page.getByText('What is on your mind').waitFor()
  await check(page, 'an empty room')

  await sayEverything(page)
  await check(page, 'a room with messages')

  const slowly = `And now slowly ${newId()} [[hand]]`
  await say(page, slowly)
  const answer = await emulator.next({ prompt: slowly })
  await answer.write('It is being written')
  await reply(page, 'streaming').getByText('It is being written').waitFor()
  await say(page, 'Next in line [[403]]')
  await reply(page, 'queued').getByText('waiting for its turn').waitFor()
  await check(page, 'an answer that is being written, and one that waits')

  await page.getByRole('button', { name: 'Stop' }).click()
  await reply(page, 'failed').waitFor()
  await reply(page, 'stopped').waitFor()
  await check(page, 'a stopped and a failed answer')

  if (narrow) {
    await page.getByRole('button', { name: 'Show the list' }).click()
    await rooms(page).getByRole('link').first().waitFor()
    await settled(page)
    await check(page, 'the open list of rooms')
  }
  await rooms(page).getByRole('listitem').first().hover()
  await rooms(page).getByRole('listitem').first().getByRole('button', { name: 'Options' }).click()
  await page.getByRole('menuitem', { name: 'Rename' }).waitFor()
  await check(page, 'the menu of a room')
  await page.getByRole('menuitem', { name: 'Rename' }).click()
  await rooms(page).getByRole('textbox', { name: 'Name' }).waitFor()
  await check(page, 'a name that is being written')
  await page.keyboard.press('Escape')
}

/** Waits for the transitions of the page to end. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const running = document.getAnimations().filter((animation) => animation instanceof CSSTransition)
    await Promise.allSettled(running.map(({ finished }) => finished))
  })
}

const axe: Check = async (page, state) => {
  await settled(page)
  expect(await objections(page), state).toEqual([])
}

describe('axe objects to nothing', () => {
  for (const [name, options] of devices) {
    test(`in the room on ${name} by day and by night`, async () => {
      await byDayAndNight(options, async (look) => {
        const context = await signedInContext(browser, server, look)
        const page = await context.newPage()
        const seen = watch(page, server)
        await walk(page, look.isMobile === true, axe)
        seen.expectQuiet()
        await context.close()
      })
    }, 90_000)

    test(`at the entrance, and where there is no page, on ${name} by day and by night`, async () => {
      await byDayAndNight(options, async (look) => {
        const context = await browser.newContext(look)
        const page = await context.newPage()
        await page.goto(`${server.url}/enter`)
        await page.getByText('you need a link').waitFor()
        await axe(page, 'no link')
        await page.goto(`${server.url}/enter#${'x'.repeat(43)}`)
        await page.getByRole('button', { name: 'Try again' }).waitFor()
        await axe(page, 'a link')
        await page.getByRole('button', { name: 'Try again' }).click()
        await page.getByRole('alert').getByText('has been used, has expired').waitFor()
        await axe(page, 'a spent link')
        expect((await page.goto(`${server.url}/nowhere`))?.status()).toBe(404)
        await axe(page, 'no such page')
        await context.close()
      })
    }, 60_000)
  }
})

describe('by keyboard alone', () => {
  /** What has the focus, by role and name, and whether one can see that it has. */
  const focused = (page: Page) =>
    page.evaluate(() => {
      const element = document.activeElement
      if (!(element instanceof HTMLElement) || element === document.body) return null
      const name = element.getAttribute('aria-label') ?? (element.innerText.split('\n')[0] || element.id)
      const marks = [element, element.closest('form')].flatMap((marked) => (marked ? [getComputedStyle(marked)] : []))
      const visible = marks.some((style) => style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 1)
      return { name, visible: visible || (element.matches('textarea') && element.closest('form')?.matches(':focus-within') === true) }
    })

  test('everything is reached in order, and the focus is always to be seen', async () => {
    const context = await signedInContext(browser, server)
    const page = await openRoom(await context.newPage(), server, await createRoom(wire, 'Keys'))
    await sayEverything(page)
    await page.reload()
    await online(page)
    await reply(page, 'complete').locator('.hljs-keyword').waitFor()
    await composer(page).evaluate((box) => box.blur())
    const reached: string[] = []
    for (let step = 0; step < 60 && reached.at(-1) !== 'Message'; step++) {
      await page.keyboard.press('Tab')
      const at = await focused(page)
      // Between the end of the page and its beginning the browser has the focus.
      if (at === null) continue
      expect(at).toEqual({ name: at.name, visible: true })
      reached.push(at.name)
    }
    for (const name of ['New conversation', 'Keys', 'Options', 'Sign out', 'Rename', 'Messages', 'Copy', 'Message']) {
      expect(reached, `reaches "${name}"`).toContain(name)
    }
    expect(reached.indexOf('New conversation')).toBeLessThan(reached.indexOf('Messages'))
    expect(reached.indexOf('Messages')).toBeLessThan(reached.indexOf('Message'))
    await context.close()
  }, 60_000)

  test('a person starts a room, asks, stops, renames and deletes, and the focus is never lost', async () => {
    const context = await signedInContext(browser, server)
    const page = await openRoom(await context.newPage(), server, await createRoom(wire, 'Before the keys'))
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key)
    }
    const before = page.url()
    await page.getByRole('button', { name: 'New conversation' }).focus()
    await press('Enter')
    await eventually(() => page.url() !== before)
    await eventually(() => composer(page).evaluate((box) => box === document.activeElement))
    await page.keyboard.type('By keys [[hand]]')
    await press('Shift+Enter', 'Backspace', 'Enter')
    const answer = await emulator.next({ prompt: 'By keys' })
    await answer.write('Words')
    await reply(page, 'streaming').getByText('Words').waitFor()
    expect(await prompts(page).locator('[data-part="text"]').textContent()).toBe('By keys [[hand]]')
    await page.getByRole('button', { name: 'Stop' }).waitFor()
    await press('Tab')
    expect((await focused(page))?.name).toBe('Stop')
    await press('Enter')
    await reply(page, 'stopped').waitFor()

    const options = rooms(page).getByRole('listitem').filter({ hasText: 'By keys' }).getByRole('button', { name: 'Options' })
    await options.focus()
    await press('Enter')
    await eventually(async () => (await focused(page))?.name === 'Rename')
    await press('Escape')
    await eventually(() => options.evaluate((button) => button === document.activeElement))
    await press('Enter')
    await eventually(async () => (await focused(page))?.name === 'Rename')
    await press('Enter')
    await eventually(async () => (await focused(page))?.name === 'Name')
    await press('Control+a')
    await page.keyboard.type('Renamed by keys')
    await press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Renamed by keys' }).waitFor()
    const renamed = rooms(page).getByRole('listitem').filter({ hasText: 'Renamed by keys' })
    await eventually(async () => (await focused(page)) !== null)

    await renamed.getByRole('button', { name: 'Options' }).focus()
    await press('Enter')
    await eventually(async () => (await focused(page))?.name === 'Rename')
    await press('ArrowUp', 'Enter')
    await renamed.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).focus()
    await press('Enter')
    await renamed.waitFor()
    await renamed.getByRole('link').focus()
    await press('Delete')
    await renamed.waitFor({ state: 'detached' })
    await context.close()
  }, 60_000)

  test('a link is entered by pressing Enter', async () => {
    const page = await browser.newContext().then((context) => context.newPage())
    await page.goto(await freshLink(server))
    await page.getByRole('button', { name: 'Enter' }).waitFor()
    await page.keyboard.press('Enter')
    await composer(page).waitFor()
    await page.context().close()
  }, 60_000)
})

test('on a phone everything that is touched is 44 pixels wide and high, and nothing is wider than the screen', async () => {
  const context = await signedInContext(browser, server, phone())
  const page = await context.newPage()
  await walk(page, true, async (_, state) => {
    await settled(page)
    expect(await smallTargets(page), state).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), state).toBeLessThanOrEqual(0)
    expect(await log(page).evaluate((box) => box.scrollWidth - box.clientWidth), state).toBeLessThanOrEqual(0)
  })
  await context.close()
}, 90_000)
