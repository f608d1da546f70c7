import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, Locator, Page } from 'playwright'
import { DESKTOP, phone, signedInContext } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import type { Answer } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { composer, createRoom, log, openRoom, reply, say } from '../support/room-page.ts'

/** Less than one: a height may be half a pixel, and a place is of whole ones of the screen. */
const STILL_PX = 1
const KEYBOARD_PX = 320
const LINES = Array.from({ length: 40 }, (_, line) => `Line ${line + 1} of what was written.`).join('\n\n')
const CODE = `\`\`\`ts\n${Array.from({ length: 40 }, (_, line) => `const value${line} = ${line}`).join('\n')}\n\`\`\``
const TABLE = `| a | b |\n| --- | --- |\n${Array.from({ length: 12 }, (_, row) => `| row ${row} | ${'words '.repeat(row)} |`).join('\n')}`
const FORMULA = '$$\n\\sum_{k=1}^{n} \\frac{k^2}{\\sqrt{k+1}} = \\int_0^1 \\frac{x}{1+x^2} dx\n$$'
const DIAGRAM = '```mermaid\nflowchart TD\n  A[One] --> B[Two]\n  B --> C[Three]\n  C --> D[Four]\n```'

const { emulator, server, browser, wire, stop } = await setBrowserStage()
afterAll(stop, 30_000)

async function begin(page: Page, subject: string): Promise<Answer> {
  await say(page, `${subject} [[hand]]`)
  return emulator.next({ prompt: subject })
}

/** A room in which an answer stands already. */
async function roomWith(page: Page, text: string): Promise<void> {
  await openRoom(page, server, await createRoom(wire))
  const answer = await begin(page, 'Something to read')
  await answer.write(text)
  await answer.finish()
  await reply(page, 'complete').waitFor()
}

const fromEnd = (page: Page) => log(page).evaluate((box) => Math.round(box.scrollHeight - box.clientHeight - box.scrollTop))

/** The reader goes to a message's line and reads there; resolves when the page knows that the end is not followed any more. */
async function readAt(page: Page, line: Locator): Promise<void> {
  await line.evaluate(async (element) => {
    const box = element.closest('[role="log"]')
    // A page that has just got another size first puts its end back into view.
    for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve))
    box?.scrollBy({ top: element.getBoundingClientRect().top - box.getBoundingClientRect().top - 40, behavior: 'instant' })
  })
  await page.getByRole('button', { name: 'Newest' }).waitFor()
}

/**
 * Notes, in every frame in which something has changed its size, where a line stands in the view of the transcript, and how far its end is away:
 * observers of sizes are called after the layout and in the order in which they were made, so this one sees what the reader sees. The result ends it and
 * answers by how much the line has moved, and the farthest the end has been away.
 */
async function watchPlace(line: Locator): Promise<() => Promise<{ moved: number; away: number; frames: number }>> {
  const watching = await line.evaluateHandle((element) => {
    const box = element.closest('[role="log"]')
    const column = box?.firstElementChild
    if (!box || !column) throw new Error('not in a transcript')
    const places: number[] = []
    const ends: number[] = []
    const look = () => {
      if (!element.isConnected) throw new Error('it was drawn anew')
      places.push(element.getBoundingClientRect().top - box.getBoundingClientRect().top)
      ends.push(box.scrollHeight - box.clientHeight - box.scrollTop)
    }
    look()
    const observer = new ResizeObserver(look)
    for (const each of [box, column]) observer.observe(each)
    return async () => {
      // Between two frames things may stand where no picture shows them.
      for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve))
      observer.disconnect()
      return { moved: Math.max(...places) - Math.min(...places), away: Math.max(...ends), frames: places.length }
    }
  })
  return () => watching.evaluate((end) => end())
}

/** Writes in small pieces, so that there are many frames with half a word, half a table, half a fence. */
async function writeInPieces(answer: Answer, page: Page, text: string, last: string): Promise<void> {
  for (let at = 0; at < text.length; at += 40) await answer.write(text.slice(at, at + 40))
  await reply(page).last().getByText(last, { exact: true }).waitFor({ state: 'attached' })
}

const LATE = /\/(?:maths|katex|diagrams?)[-.\w]*\.(?:js|css)$/

/** What is fetched late does not come before `release`; a service worker would bring it without asking. */
async function hold(page: Page): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route(LATE, async (route) => {
    await promise
    await route.continue()
  })
  return resolve
}

for (const [name, options] of [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
] as const) {
  describe(`on ${name}`, () => {
    let context: BrowserContext
    beforeAll(async () => {
      context = await signedInContext(browser, server, { ...options, serviceWorkers: 'block' })
    }, 30_000)
    afterAll(() => context?.close())

    test('the end is in view in every frame while an answer is written, and what is read moves not one pixel once the reader has gone back', async () => {
      const page = await context.newPage()
      await roomWith(page, LINES)
      const answer = await begin(page, 'More of it')
      await eventually(async () => (await fromEnd(page)) === 0)
      const following = await watchPlace(reply(page).first())
      await writeInPieces(answer, page, `A beginning.\n\n${TABLE}\n\n${CODE}\n\nAfter it.\n\n`, 'After it.')
      const { away, frames } = await following()
      expect(frames).toBeGreaterThan(2)
      expect(away).toBeLessThanOrEqual(1)

      // In the answer that is being written, and in the one before.
      for (const [line, last] of [
        [reply(page).last().getByText('A beginning.', { exact: true }), 'First.'],
        [reply(page).first().getByText('Line 20 of what was written.'), 'Second.'],
      ] as const) {
        await readAt(page, line)
        const reading = await watchPlace(line)
        await writeInPieces(answer, page, `${FORMULA}\n\n${CODE}\n\n${TABLE}\n\n1. one\n2. two\n   - three\n\n${last}\n\n`, last)
        expect((await reading()).moved).toBeLessThan(STILL_PX)
      }
      const reading = await watchPlace(reply(page).first().getByText('Line 20 of what was written.'))
      await answer.finish()
      await reply(page, 'complete').nth(1).waitFor()
      expect((await reading()).moved).toBeLessThan(STILL_PX)
      await page.close()
    }, 60_000)

    test('what is shown is not drawn anew when something is added', async () => {
      const page = await context.newPage()
      await roomWith(page, LINES)
      const line = reply(page).first().getByText('Line 20 of what was written.')
      const drawn = await line.elementHandle()
      const answer = await begin(page, 'More of it')
      await answer.write('A little.')
      await reply(page).last().getByText('A little.').waitFor()
      await answer.finish()
      await reply(page, 'complete').nth(1).waitFor()
      expect(await drawn?.evaluate((element) => element.isConnected)).toBe(true)
      await page.close()
    }, 30_000)

    test('what gets its height late keeps the end in view for who is there, and the place of who reads below it', async () => {
      const page = await context.newPage()
      await roomWith(page, `${FORMULA}\n\n${DIAGRAM}\n\n${FORMULA}\n\n${LINES}`)
      for (const place of ['at the end', 'below it']) {
        const release = await hold(page)
        await page.reload()
        const line = reply(page).getByText('Line 30 of what was written.')
        await line.waitFor({ state: 'attached' })
        await eventually(async () => (await fromEnd(page)) === 0)
        const below = place === 'below it'
        if (below) await readAt(page, reply(page).getByText('Line 4 of what was written.'))
        expect(await page.locator('math').count(), place).toBe(0)
        const watching = await watchPlace(line)
        release()
        await page.locator('math').nth(1).waitFor({ state: 'attached' })
        // What is far away is not drawn before the reader comes near.
        if (below) await page.locator('[data-diagram="drawn"]').waitFor({ state: 'attached' })
        const { moved, away, frames } = await watching()
        expect(frames, place).toBeGreaterThan(2)
        if (place === 'at the end') expect(away).toBeLessThanOrEqual(1)
        else expect(moved).toBeLessThan(STILL_PX)
        await page.unroute(LATE)
      }
      await page.close()
    }, 60_000)

    test('a keyboard that opens and closes leaves the newest message above what is written, and what is read where it is', async () => {
      const page = await context.newPage()
      await roomWith(page, LINES)
      const { width, height } = page.viewportSize() ?? DESKTOP
      const shrunk = async () => (await log(page).evaluate((box) => box.clientHeight)) < height - KEYBOARD_PX
      // A keyboard makes the page shorter on one system, and covers it on the other.
      const keyboards: [string, (open: boolean) => Promise<void>][] = [
        ['shorter', (open) => page.setViewportSize({ width, height: open ? height - KEYBOARD_PX : height })],
        ['covered', (open) => cover(page, open ? height - KEYBOARD_PX : null)],
      ]
      for (const [system, set] of keyboards) {
        for (const line of [reply(page).getByText('Line 40 of what was written.'), reply(page).getByText('Line 12 of what was written.')]) {
          const back = (await line.textContent())?.includes('12') === true
          if (back) await readAt(page, line)
          await composer(page).focus()
          const watching = await watchPlace(line)
          await set(true)
          await eventually(shrunk)
          const [bottom, top] = await Promise.all([
            log(page).evaluate((box) => box.getBoundingClientRect().bottom),
            composer(page).evaluate((box) => box.getBoundingClientRect().top),
          ])
          expect(bottom, system).toBeLessThanOrEqual(top)
          await eventually(async () => back || (await fromEnd(page)) === 0)
          await set(false)
          await eventually(async () => !(await shrunk()))
          const { moved, away } = await watching()
          if (back) expect(moved, system).toBeLessThan(STILL_PX)
          else expect(away, system).toBeLessThanOrEqual(1)
        }
        await page.getByRole('button', { name: 'Newest' }).click()
        await eventually(async () => (await fromEnd(page)) === 0)
        await page.getByRole('button', { name: 'Newest' }).waitFor({ state: 'detached' })
      }
      await page.close()
    }, 60_000)
  })
}

/** The keyboard of a phone lies over the page: what can be seen of it is shorter, and the page is not told otherwise. null: it is gone. */
function cover(page: Page, height: number | null): Promise<void> {
  return page.evaluate((visible) => {
    const { visualViewport: viewport } = window
    if (!viewport) throw new Error('no visual viewport')
    if (visible === null) Reflect.deleteProperty(viewport, 'height')
    else Object.defineProperty(viewport, 'height', { configurable: true, get: () => visible })
    viewport.dispatchEvent(new Event('resize'))
  }, height)
}
