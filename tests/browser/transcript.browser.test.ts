import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, Locator, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import type { Answer } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { articles, createRoom, log, openRoom, readsAs, reply, rooms, say, textOf } from '../support/room-page.ts'

const NOTES = 180
const PAGE = 50

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let long: string

beforeAll(async () => {
  context = await signedInContext(browser, server, { permissions: ['clipboard-read', 'clipboard-write'] })
  long = await createRoom(wire, 'A long room')
  for (let number = 1; number <= NOTES; number++) {
    const text = `Note ${number}. ${'Some words of it. '.repeat((number * 7) % 23)}`.trim()
    await wire.rpc.message.send({ id: newId(), conversationId: long, text, kind: 'note', replyId: newId() })
  }
}, 60_000)
afterAll(stop, 30_000)

async function begin(page: Page, subject: string): Promise<Answer> {
  await say(page, `${subject} [[hand]]`)
  return emulator.next({ prompt: subject })
}

const fromEnd = (page: Page) => log(page).evaluate((box) => Math.round(box.scrollHeight - box.clientHeight - box.scrollTop))
const scrollTo = (page: Page, top: number) => log(page).evaluate((box, to) => box.scrollTo({ top: to, behavior: 'instant' }), top)

describe('a long room', () => {
  for (const [name, options] of [
    ['a desktop', { viewport: DESKTOP }],
    ['a phone', phone()],
  ] as const) {
    test(`shows its last messages first, and earlier ones as one scrolls up, without moving what is read, on ${name}`, async () => {
      const device = await signedInContext(browser, server, options)
      const page = await openRoom(await device.newPage(), server, long)
      await articles(page).last().waitFor()
      expect(await textOf(articles(page).last())).toStartWith(`Note ${NOTES}.`)
      // It is at its end in the first picture, which may come after the first look from here.
      await eventually(async () => (await fromEnd(page)) === 0)
      await eventually(async () => (await articles(page).count()) >= PAGE)
      let count = await articles(page).count()
      while (count < NOTES) {
        // The reader scrolls up to the first message that is loaded and reads it, while earlier ones come in above.
        const moves = await page.evaluate(async () => {
          const box = document.querySelector('[role="log"]')
          const column = box?.firstElementChild
          const anchor = document.querySelector('article')
          if (!box || !column || !anchor) throw new Error('no messages')
          const place = () => anchor.getBoundingClientRect().top - box.getBoundingClientRect().top
          const before = document.querySelectorAll('article').length
          box.scrollTop += place() - 20
          const seen = [place()]
          // Observers of sizes are called after the layout of a frame, in the order in which they were made, and before its picture: what
          // this one sees is what the reader sees.
          await new Promise<void>((resolve) => {
            const observer = new ResizeObserver(() => {
              seen.push(place())
              if (document.querySelectorAll('article').length === before) return
              observer.disconnect()
              resolve()
            })
            observer.observe(column)
          })
          for (let frame = 0; frame < 10; frame++) await new Promise((resolve) => requestAnimationFrame(resolve))
          return [...seen, place()]
        })
        expect(Math.max(...moves) - Math.min(...moves)).toBeLessThan(1)
        const now = await articles(page).count()
        expect(now).toBeGreaterThan(count)
        expect(now).toBeLessThanOrEqual(count + PAGE)
        count = now
      }
      expect(count).toBe(NOTES)
      const texts = await articles(page).locator('[data-part="text"]').allTextContents()
      expect(texts.map((text) => Number(/^Note (\d+)\./.exec(text)?.[1]))).toEqual(Array.from({ length: NOTES }, (_, index) => index + 1))
      await device.close()
    }, 60_000)
  }
})

describe('the end of the transcript', () => {
  test('is followed while the reader is there, and left alone while the reader is not', async () => {
    const page = await openRoom(await context.newPage(), server, await createRoom(wire))
    const answer = await begin(page, 'Write a lot of lines')
    const newest = page.getByRole('button', { name: 'Newest' })
    const write = async (from: number, to: number) => {
      for (let line = from; line <= to; line++) await answer.write(`Line ${line} of the answer.\n\n`)
      await eventually(async () => (await textOf(reply(page))).endsWith(`Line ${to} of the answer.`))
    }
    await write(1, 40)
    await eventually(async () => (await fromEnd(page)) === 0)
    expect(await newest.count()).toBe(0)

    await log(page).hover()
    await page.mouse.wheel(0, -400)
    await newest.waitFor()
    const place = (line: Locator) => line.evaluate((element) => element.getBoundingClientRect().top)
    await eventually(async () => (await fromEnd(page)) > 300)
    const read = page.getByText('Line 25 of the answer.')
    const before = await place(read)
    await write(41, 70)
    expect(await place(read)).toBe(before)
    await newest.waitFor()

    await newest.click()
    await eventually(async () => (await fromEnd(page)) === 0)
    await newest.waitFor({ state: 'detached' })
    await write(71, 90)
    await eventually(async () => (await fromEnd(page)) === 0)
    await answer.finish()
    await reply(page, 'complete').waitFor()
    await eventually(async () => (await fromEnd(page)) === 0)

    // What one says oneself is shown wherever one was reading.
    await scrollTo(page, 100)
    await newest.waitFor()
    await say(page, '[[chunks=2 every=1]] Thank you')
    await eventually(async () => (await fromEnd(page)) === 0)
    await newest.waitFor({ state: 'detached' })
    await page.close()
  }, 60_000)

  test('is where a reader lands who comes back from another room', async () => {
    const other = await createRoom(wire, 'Somewhere else')
    const page = await openRoom(await context.newPage(), server, long)
    await eventually(async () => (await articles(page).count()) >= PAGE && (await fromEnd(page)) === 0)
    await scrollTo(page, 500)
    await rooms(page).getByRole('link', { name: 'Somewhere else' }).click()
    await eventually(() => page.url().endsWith(other))
    await page.goBack()
    await eventually(async () => (await articles(page).count()) >= PAGE && (await fromEnd(page)) === 0)
    await page.close()
  }, 30_000)
})

const HOSTILE = `# Hello <script>window.hacked = 1</script>

<img src="https://evil.example/pixel.png" onerror="window.hacked = 2">

[click](javascript:window.hacked=3) and [data](data:text/html,<script>window.hacked=4</script>) and ![remote](https://evil.example/image.png)

<style>body { display: none }</style><link rel="stylesheet" href="https://evil.example/style.css">

<svg onload="window.hacked = 5"><a xlink:href="javascript:window.hacked=6"><text>svg</text></a></svg>

<iframe srcdoc="<script>parent.hacked = 7</script>"></iframe><form action="https://evil.example/"><input autofocus onfocus="window.hacked=8"></form>

| a | <img src=x onerror=window.hacked=9> |
|---|---|
| <math><mtext></mtext></math> | [x]: https://evil.example/y "onmouseover=window.hacked=10" |

\`<script>window.hacked = 11</script>\`

\`\`\`html"><img src=x onerror=window.hacked=12>
<script>window.hacked = 13</script>
\`\`\`

&lt;script&gt; &#60;img src=x onerror=window.hacked=14&#62; ![a](x" onerror="window.hacked=15)

The end.`

test('nothing of a hostile answer runs, loads or styles anything, at any length of it, nor after a reload', async () => {
  const page = await context.newPage()
  const seen = watch(page, server)
  const requested: string[] = []
  page.on('request', (request) => requested.push(request.url()))
  page.on('dialog', (dialog) => void dialog.dismiss())
  await openRoom(page, server, await createRoom(wire))
  const answer = await begin(page, 'Be hostile')
  for (let at = 0; at < HOSTILE.length; at += 7) await answer.write(HOSTILE.slice(at, at + 7))
  await answer.finish()
  await reply(page, 'complete').waitFor()
  for (const visit of ['while it was written', 'after a reload']) {
    const text = reply(page).locator('[data-part="text"]')
    await text.getByText('The end.').waitFor()
    expect(await page.evaluate(() => 'hacked' in globalThis), visit).toBe(false)
    expect(await text.locator('script, img, svg, style, link, iframe, form, input, math, object, embed').count(), visit).toBe(0)
    expect(
      await text.evaluate((root) =>
        [...root.querySelectorAll('*')].flatMap((element) =>
          [...element.attributes]
            .map(({ name, value }) => `${name}=${value}`)
            .filter((pair) => /^on|^style=|javascript:|data:text/.test(pair)),
        ),
      ),
      visit,
    ).toEqual([])
    // A picture is a link: that is the only way to it.
    expect(await text.getByRole('link', { name: 'remote' }).getAttribute('href')).toBe('https://evil.example/image.png')
    await text.getByRole('link', { name: 'remote' }).hover()
    if (visit === 'while it was written') await page.reload()
  }
  expect(requested.filter((url) => new URL(url).host !== new URL(server.url).host)).toEqual([])
  seen.expectQuiet()
  await page.close()
}, 60_000)

test('a code block names its language, gets its colours when it closes, and is copied as it was written', async () => {
  const page = await context.newPage()
  const seen = watch(page, server)
  await openRoom(page, server, await createRoom(wire))
  const answer = await begin(page, 'Show me code')
  await answer.write('Here:\n\n```ts\nconst answer: number = 42\n')
  const code = reply(page).locator('.code code')
  await eventually(async () => (await code.textContent()) === 'const answer: number = 42\n')
  await reply(page).getByText('ts', { exact: true }).waitFor()
  expect(await code.locator('[class^="hljs-"]').count()).toBe(0)
  await answer.write('if (answer < 43 && true) print("<b>")\n```\n\nThat is')
  await eventually(async () => (await code.locator('[class^="hljs-"]').count()) > 3)
  expect(await reply(page, 'streaming').count()).toBe(1)
  const source = 'const answer: number = 42\nif (answer < 43 && true) print("<b>")\n'
  expect(await code.textContent()).toBe(source)
  await answer.write(' all.')
  await answer.finish()
  await reply(page, 'complete').waitFor()
  expect(await code.textContent()).toBe(source)

  const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
  await reply(page).locator('.code').getByRole('button', { name: 'Copy' }).click()
  await reply(page).locator('.code').getByRole('button', { name: 'Copied' }).waitFor()
  expect((await clipboard()).trimEnd()).toBe(source.trimEnd())
  await reply(page).locator('.message-foot').getByRole('button', { name: 'Copy' }).click()
  await eventually(async () => (await clipboard()).startsWith('Here:\n\n```ts'))
  expect(await clipboard()).toBe(`Here:\n\n\`\`\`ts\n${source}\`\`\`\n\nThat is all.`)
  seen.expectQuiet()
  await page.close()
}, 60_000)

test('the list of rooms is live in every tab: new rooms, names, last lines, running answers, and rooms that go', async () => {
  const elsewhere = await signedInContext(browser, server)
  const watcher = await openRoom(await elsewhere.newPage(), server, await createRoom(wire, 'Where I look'))
  const page = await openRoom(await context.newPage(), server, await createRoom(wire, 'Where I work'))
  const row = (name: string) => rooms(watcher).getByRole('listitem').filter({ hasText: name })

  const before = page.url()
  await page.getByRole('button', { name: 'New conversation' }).click()
  await eventually(() => page.url() !== before)
  const deleted = page.url()
  const answer = await begin(page, 'Which birds sing at night?')
  await row('Which birds sing at night?').getByText('live').waitFor()
  await row('Which birds sing at night?').getByText('is answering').waitFor()
  await answer.write('The nightingale does.')
  await answer.finish()
  await row('Which birds sing at night?').getByText('Gemini: The nightingale does.').waitFor()
  expect(await row('Which birds sing at night?').getByText('live', { exact: true }).count()).toBe(0)

  await rooms(page).getByRole('listitem').filter({ hasText: 'Which birds' }).hover()
  await rooms(page).getByRole('listitem').filter({ hasText: 'Which birds' }).getByRole('button', { name: 'Options' }).click()
  await page.getByRole('menuitem', { name: 'Rename' }).click()
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Birds of the night')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Birds of the night' }).waitFor()
  await row('Birds of the night').waitFor()
  expect(await row('Which birds').count()).toBe(0)

  await page.getByRole('main').getByRole('button', { name: 'Rename' }).click()
  await page.getByRole('textbox', { name: 'Name of the room' }).fill('Nightingales')
  await page.keyboard.press('Enter')
  await row('Nightingales').click()
  await watcher.getByRole('heading', { level: 1, name: 'Nightingales' }).waitFor()
  await readsAs(reply(watcher), 'The nightingale does.')

  await rooms(page).getByRole('listitem').filter({ hasText: 'Nightingales' }).getByRole('button', { name: 'Options' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await row('Nightingales').waitFor({ state: 'detached' })
  await watcher.getByText('This conversation is not here').waitFor()
  await eventually(() => page.url() !== deleted && /\/c\/[\w-]{36}$/.test(page.url()))
  expect(await page.getByRole('heading', { level: 1 }).textContent()).not.toBe('Nightingales')
  await page.close()
  await elsewhere.close()
}, 60_000)
