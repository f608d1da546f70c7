import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContext, Locator, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { articles, composer, createRoom, log, openRoom, prompts, reply, say } from '../support/room-page.ts'

const LINES = 40
const CODE = Array.from({ length: LINES }, (_, index) => `const step${index + 1} = ${index + 1} // the line of number ${index + 1}`)
const FENCE = '```'
const RICH = String.raw`# What one can read

Energy is $E = mc^2$, and it costs $5 or $10.[^1] A wrong one: $\frac{1}{$.

$$
\int_0^1 x\,dx
$$

- [x] Packed $n^2$ bags
- [ ] Left

| Name | A column with many words, so that it is wide | Number |
|------|:--------------------------------------------:|-------:|
| one  | $\pi r^2$                                     | 12     |

${FENCE}ts
${CODE.join('\n')}
${FENCE}

${FENCE}mermaid
flowchart LR
  A[Browser] --> B(Server)
${FENCE}

${FENCE}mermaid
this is no diagram
${FENCE}

${Array.from({ length: 20 }, (_, index) => `Paragraph ${index + 1} of what comes after it.`).join('\n\n')}

> The end, with a [link][late] in it.

[late]: https://late.test/
[^1]: A note with ${'`'}code${'`'}.
`

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let rich: string

beforeAll(async () => {
  context = await signedInContext(browser, server, { permissions: ['clipboard-read', 'clipboard-write'] })
  rich = await createRoom(wire, 'Everything')
  await wire.join(rich)
  const replyId = newId()
  await wire.rpc.message.send({ id: newId(), conversationId: rich, text: 'Seen before [[hand]]', kind: 'prompt', replyId })
  await answerRich('Seen before')
  await wire.hearEnd(replyId)
}, 60_000)
afterAll(stop, 30_000)

/** Gives the answer in pieces of many sizes. */
async function answerRich(prompt: string): Promise<void> {
  const answer = await emulator.next({ prompt })
  for (let at = 0, size = 7; at < RICH.length; at += size, size = 1 + ((size * 31) % 97)) await answer.write(RICH.slice(at, at + size))
  await answer.finish()
}

const text = (page: Page) => reply(page).locator('[data-part="text"]')

async function expectInView(element: Locator): Promise<void> {
  await eventually(() =>
    element.evaluate((found) => {
      const box = found.closest('[role="log"]')?.getBoundingClientRect()
      const { top, bottom } = found.getBoundingClientRect()
      return box !== undefined && top >= box.top && bottom <= box.bottom
    }),
  )
}

/** Reads the whole transcript from its top to its end, until everything that is made on the way has been made. */
async function readAll(page: Page): Promise<void> {
  await eventually(async () => {
    await log(page).evaluate(async (box) => {
      for (let top = 0; top < box.scrollHeight; top += 400) {
        box.scrollTo({ top, behavior: 'instant' })
        await new Promise((resolve) => requestAnimationFrame(resolve))
      }
      box.scrollTo({ top: 0, behavior: 'instant' })
    })
    const waiting =
      '[data-diagram=""], [data-diagram="waiting"], .math:not([data-drawn], [data-failed]), .code:not([data-folded]) > .code-more'
    const left = await text(page)
      .locator(waiting)
      .evaluateAll((found) => found.map((element) => element.outerHTML.slice(0, 80)))
    if (left.length > 0) throw new Error(`not made: ${left.join(' ')}`)
    return (await text(page).locator('.hljs-keyword').count()) === LINES
  }, 30_000)
}

test('an answer is the same after a reload as it was live, byte for byte, with formulas, tables, notes, code and diagrams', async () => {
  const page = await context.newPage()
  const { expectQuiet } = watch(page, server)
  await openRoom(page, server, await createRoom(wire))
  await say(page, 'Everything [[hand]]')
  await answerRich('Everything')
  await reply(page, 'complete').waitFor()
  await readAll(page)
  const live = await text(page).innerHTML()
  await page.reload()
  await reply(page, 'complete').waitFor()
  await readAll(page)
  expect(await text(page).innerHTML()).toBe(live)

  expect(await text(page).locator('math').count()).toBe(4)
  await text(page)
    .getByText(String.raw`\frac{1}{`)
    .waitFor()
  await text(page).getByText('and it costs $5 or $10.').waitFor()
  await text(page).getByRole('link', { name: 'link' }).waitFor()
  expect(await text(page).locator('iframe').count()).toBe(1)
  await text(page).getByText('this is no diagram').waitFor()
  await text(page).getByRole('button', { name: 'Footnote 1' }).click()
  expect(
    await text(page)
      .locator('.footnotes li')
      .evaluate((note) => document.activeElement === note),
  ).toBe(true)
  expectQuiet()
  await page.close()
}, 90_000)

test('a diagram is drawn where nothing can be reached: no origin, no network, no page around it', async () => {
  const page = await openRoom(await context.newPage(), server, rich)
  await readAll(page)
  const frame = page.frames().find((candidate) => candidate.url().endsWith('/diagram'))
  if (!frame) throw new Error('no frame')
  await frame.getByText('Browser').waitFor()
  const reached = await frame.evaluate(async () => ({
    origin: globalThis.origin,
    network: await fetch('/healthz').then(
      () => 'reached',
      () => 'refused',
    ),
    page: (() => {
      try {
        return parent.document.title
      } catch {
        return 'refused'
      }
    })(),
  }))
  expect(reached).toEqual({ origin: 'null', network: 'refused', page: 'refused' })
  await text(page).getByRole('button', { name: 'Source' }).click()
  await text(page).getByText('A[Browser]').waitFor()

  // No other page of this server lets itself be put into a frame.
  const policies = await Promise.all(
    ['/', '/enter', '/shell', '/diagram'].map(async (path) => (await fetch(server.url + path)).headers.get('content-security-policy')),
  )
  expect(policies.map((policy) => /frame-ancestors ([^;]*)/.exec(policy ?? '')?.[1])).toEqual(["'none'", "'none'", "'none'", "'self'"])
  expect(policies[3]).toContain("default-src 'none'")
  expect(policies[3]).toEndWith('sandbox allow-scripts')
  await page.close()
}, 60_000)

test('what is written from right to left is laid out from right to left, beside what is not', async () => {
  const page = await (await signedInContext(browser, server)).newPage()
  await openRoom(page, server, await createRoom(wire))
  const answer = '## عنوان هذا النص\n\nنص باللغة العربية مع `code` فيه.\n\n- أولا\n\n> اقتباس\n\n```ts\nconst a = 1\n```\n\nIn English.'
  emulator.script.push((play) => play.write(answer).then(() => play.finish()))
  await say(page, 'كيف الحال؟\nAnd in English.')
  await reply(page, 'complete').waitFor()
  const text = reply(page).locator('[data-part="text"]')
  for (const reload of [false, true]) {
    if (reload) await page.reload()
    await text.locator('pre').waitFor()
    const directions = await text.evaluate((box) =>
      ['h2, h3, h4', 'ul', 'blockquote', 'pre', '.block:last-child p'].map((name) => {
        const element = box.querySelector(name)
        return [name, element && getComputedStyle(element).direction]
      }),
    )
    expect(directions).toEqual([
      ['h2, h3, h4', 'rtl'],
      ['ul', 'rtl'],
      ['blockquote', 'rtl'],
      ['pre', 'ltr'],
      ['.block:last-child p', 'ltr'],
    ])
  }
  // Each line of a prompt begins at the side of its own direction.
  const edges = await prompts(page)
    .locator('[data-part="text"]')
    .evaluate((box) => {
      const range = document.createRange()
      range.selectNodeContents(box)
      const all = box.getBoundingClientRect()
      const lines = Map.groupBy(range.getClientRects(), ({ top }) => top).values()
      return [...lines].map((rects) => ({
        left: Math.round(Math.min(...rects.map(({ left }) => left)) - all.left),
        right: Math.round(all.right - Math.max(...rects.map(({ right }) => right))),
      }))
    })
  expect(edges).toEqual([
    { left: expect.any(Number), right: 0 },
    { left: 0, right: expect.any(Number) },
  ])
  expect(edges[0]?.left).toBeGreaterThan(100)
  await page.context().close()
}, 60_000)

test('a room without formulas and diagrams fetches nothing for them', async () => {
  const page = await (await signedInContext(browser, server)).newPage()
  const paths: string[] = []
  page.on('request', (request) => paths.push(new URL(request.url()).pathname))
  await openRoom(page, server, await createRoom(wire))
  await say(page, '[[chunks=3 every=1]] Only words')
  await reply(page, 'complete').waitFor()
  await page.evaluate(() => navigator.serviceWorker.ready)
  expect(paths.some((path) => path.startsWith('/assets/markdown-view'))).toBe(true)
  expect(paths.filter((path) => /maths|diagram/.test(path))).toEqual([])
  await page.context().close()
}, 60_000)

for (const [name, options] of [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
] as const) {
  test(`code is unfolded, wrapped, saved, copied and searched on ${name}`, async () => {
    const device = await signedInContext(browser, server, { ...options, permissions: ['clipboard-read', 'clipboard-write'] })
    const page = await openRoom(await device.newPage(), server, rich)
    const code = text(page).locator('.code').first()
    const height = () => code.locator('pre').evaluate((pre) => pre.clientHeight)
    const button = (words: string) => code.getByRole('button', { name: words, exact: true })
    await button(`Show all ${LINES} lines`).click()
    await button('Show fewer lines').waitFor()
    const whole = await height()
    await button('Show fewer lines').click()
    expect(await height()).toBeLessThan(whole / 2)

    await button('Wrap').click()
    expect(await button('Wrap').getAttribute('aria-pressed')).toBe('true')
    expect(await code.locator('pre').evaluate((pre) => pre.scrollWidth - pre.clientWidth)).toBe(0)
    const saving = page.waitForEvent('download')
    await button('Download').click()
    const saved = await saving
    expect(saved.suggestedFilename()).toBe('code.ts')
    expect(await Bun.file(await saved.path()).text()).toBe(`${CODE.join('\n')}\n`)
    await button('Copy').click()
    await button('Copied').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${CODE.join('\n')}\n`)

    // What scrolls to a folded line, as the browser's own search does, unfolds it and has it in view.
    const line = code.locator('.hljs-comment').nth(38)
    await line.evaluate((element) => element.scrollIntoView({ block: 'center' }))
    await button('Show fewer lines').waitFor()
    await expectInView(line)
    // Nothing is wider than the screen: what is wide scrolls by itself.
    expect(await log(page).evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0)
    await device.close()
  }, 60_000)
}

test('long code that has just been written stays open in view, and nothing moves when it is folded behind the reader', async () => {
  const page = await openRoom(await context.newPage(), server, await createRoom(wire))
  await say(page, 'Long code [[hand]]')
  const answer = await emulator.next({ prompt: 'Long code' })
  await answer.write(`${FENCE}ts\n${CODE.join('\n')}\n${FENCE}\n\nAfter the code.\n\n`)
  await reply(page).getByText('After the code.').waitFor()
  const folded = reply(page).locator('.code[data-folded]')
  expect(await folded.count()).toBe(0)
  for (let line = 1; line <= 60; line++) await answer.write(`Line ${line}.\n\n`)
  await reply(page).getByText('Line 60.').waitFor()
  await folded.waitFor()
  const fromEnd = () => log(page).evaluate((box) => Math.round(box.scrollHeight - box.clientHeight - box.scrollTop))
  await eventually(async () => (await fromEnd()) === 0)
  await answer.finish()
  await reply(page, 'complete').waitFor()
  expect(await folded.count()).toBe(1)
  await page.close()
}, 60_000)

test('what is selected, or a whole message, is quoted into the composer; by mouse, and by keyboard', async () => {
  const page = await openRoom(await context.newPage(), server, await createRoom(wire))
  await say(page, 'Two words\nand more')
  await reply(page, 'complete').waitFor()
  await composer(page).fill('I think')
  await prompts(page)
    .locator('[data-part="text"]')
    .evaluate((element) => {
      const words = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
      let node = words.nextNode()
      while (node && !node.textContent?.includes('Two')) node = words.nextNode()
      if (node)
        getSelection()?.setBaseAndExtent(node, node.textContent?.indexOf('Two') ?? 0, node, (node.textContent?.indexOf('Two') ?? 0) + 3)
    })
  await page.getByRole('button', { name: 'Quote', exact: true }).click()
  expect(await composer(page).inputValue()).toBe('I think\n\n> Two\n\n')
  expect(await composer(page).evaluate((box) => document.activeElement === box)).toBe(true)

  await composer(page).fill('')
  await prompts(page).getByRole('button', { name: 'More' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Quote' }).waitFor()
  await page.keyboard.press('Enter')
  await eventually(async () => (await composer(page).inputValue()) === '> Two words\n> and more\n\n')
  // It is a draft like any other.
  await page.reload()
  await eventually(async () => (await composer(page).inputValue()) === '> Two words\n> and more\n\n')
  await page.close()
}, 60_000)

test('a message is copied as Markdown, with its formatting, and as a link to it', async () => {
  const page = await openRoom(await context.newPage(), server, await createRoom(wire))
  await say(page, 'A list [[hand]]')
  const answer = await emulator.next({ prompt: 'A list' })
  const source = '## Two\n\n- **one** of $x$\n- two\n'
  await answer.write(source)
  await answer.finish()
  await reply(page, 'complete').waitFor()
  const choose = async (item: string) => {
    await reply(page).getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: item }).click()
    await reply(page).getByText('Copied').waitFor()
  }
  const holds = (type: string, words: string) =>
    eventually(async () => {
      const held = await page.evaluate(async (form) => {
        const [item] = await navigator.clipboard.read()
        return item?.types.includes(form) ? (await item.getType(form)).text() : ''
      }, type)
      if (!held.includes(words)) throw new Error(`The clipboard holds ${JSON.stringify(held)}`)
      return true
    })
  await choose('Copy with formatting')
  await holds('text/plain', source)
  await holds('text/html', '<h2>Two</h2>\n<ul>\n<li><strong>one</strong> of <span>$x$</span></li>')
  await choose('Copy link')
  await holds('text/plain', `${page.url()}#m-${await reply(page).getAttribute('data-message-id')}`)
  await choose('Copy as Markdown')
  await holds('text/plain', source)
  await page.close()
}, 60_000)

test('on paper there is the conversation and nothing else, with all of its code', async () => {
  const page = await openRoom(await context.newPage(), server, rich)
  await reply(page, 'complete').waitFor()
  await page.emulateMedia({ media: 'print' })
  for (const part of [
    composer(page),
    page.getByRole('navigation'),
    page.getByRole('button', { name: 'More' }).first(),
    page.getByRole('button', { name: 'Copy' }).first(),
  ])
    expect(await part.isVisible()).toBe(false)
  expect(await articles(page).count()).toBe(2)
  const cut = await log(page).evaluate((box) => [
    box.scrollHeight - box.clientHeight,
    ...[...box.querySelectorAll('pre')].map((pre) => pre.scrollHeight - pre.clientHeight),
  ])
  expect(Math.max(...cut)).toBeLessThanOrEqual(1)
  await page.close()
}, 60_000)
