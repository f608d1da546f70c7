import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { signedInContext, watch, type Watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import {
  articles,
  createRoom,
  idOf,
  openRoom,
  prompts,
  readsAs,
  reply,
  rooms,
  say,
  sha256,
  storedText,
  textOf,
  words,
} from '../support/room-page.ts'

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let laptop: BrowserContext
let tablet: BrowserContext
const watches: Watch[] = []

beforeAll(async () => {
  laptop = await signedInContext(browser, server)
  tablet = await signedInContext(browser, server)
}, 60_000)
afterAll(stop, 30_000)

async function tab(context: BrowserContext, id?: string): Promise<Page> {
  const page = await context.newPage()
  watches.push(watch(page, server))
  return openRoom(page, server, id)
}

async function close(...pages: Page[]): Promise<void> {
  for (const seen of watches.splice(0)) seen.expectQuiet()
  for (const page of pages) await page.close()
}

/** The text of a reply as the server has it. */
async function rowText(conversationId: string, replyId: string): Promise<string> {
  const { messages } = await wire.rpc.conversation.pull({ id: conversationId, since: 0, limit: 200 })
  const row = messages.find((message) => message.id === replyId)
  if (row?.kind !== 'reply') throw new Error('no such reply')
  return row.text
}

const CHUNKS = [
  'The tide ',
  'comes in twice a day,',
  ' because the earth turns',
  ' under two bulges of water.',
  '\n\nThe moon raises',
  ' both of them, ',
  '近い側 and the far side, 🌊🌕',
  ' and the sun helps a little.',
]

test('two tabs and another device show the prompt and every chunk of the answer while it is written', async () => {
  const id = await createRoom(wire)
  const pages = [await tab(laptop, id), await tab(laptop, id), await tab(tablet, id)]
  const [first] = pages
  if (!first) throw new Error('no tab')

  await say(first, 'Why are there tides? [[hand]]')
  const answer = await emulator.next({ prompt: 'Why are there tides?' })
  for (const page of pages) await readsAs(prompts(page), 'Why are there tides? [[hand]]')

  let sent = ''
  for (const chunk of CHUNKS) {
    await answer.write(chunk)
    sent += chunk
    await Promise.all(pages.map((page) => readsAs(reply(page, 'streaming'), sent)))
  }
  await answer.finish()
  await Promise.all(pages.map((page) => reply(page, 'complete').waitFor()))

  const replyId = await idOf(reply(first))
  const hash = sha256(await rowText(id, replyId))
  expect(hash).toBe(sha256(sent))
  for (const page of pages) {
    expect(await articles(page).evaluateAll((all) => all.map((article) => article.getAttribute('data-role')))).toEqual(['user', 'model'])
    expect(await textOf(reply(page))).toBe(words(sent))
    await eventually(async () => sha256((await storedText(page, replyId)) ?? '') === hash)
  }
  await close(...pages)
}, 60_000)

test('idle tabs that were opened before anything was sent learn of a new room and of the answer in it by themselves', async () => {
  const writer = await tab(laptop, await createRoom(wire, 'Another room'))
  const before = writer.url()
  await writer.getByRole('button', { name: 'New conversation' }).click()
  await eventually(() => writer.url() !== before)
  const id = new URL(writer.url()).pathname.slice('/c/'.length)
  const idle = await tab(laptop, id)
  const far = await tab(tablet, id)

  await say(writer, 'What is a caldera? [[hand]]')
  const answer = await emulator.next({ prompt: 'caldera' })
  await answer.write('A hollow that is left')
  for (const page of [writer, idle, far]) await readsAs(reply(page, 'streaming'), 'A hollow that is left')
  await answer.write(' when a volcano falls in.')
  await answer.finish()
  for (const page of [writer, idle, far]) {
    await readsAs(reply(page, 'complete'), 'A hollow that is left when a volcano falls in.')
    await rooms(page).getByText('What is a caldera?').waitFor()
  }
  await close(writer, idle, far)
}, 60_000)

test('a tab that is opened in the middle of an answer has the exact text, and goes on with it', async () => {
  const id = await createRoom(wire)
  const first = await tab(laptop, id)
  await say(first, 'Tell me of glass. [[hand]]')
  const answer = await emulator.next({ prompt: 'glass' })
  let sent = ''
  const write = async (text: string) => {
    await answer.write(text)
    sent += text
  }
  await write('Glass is sand that was melted')
  await write(' and had no time')
  await readsAs(reply(first, 'streaming'), sent)

  const late = await Promise.all([tab(laptop, id), tab(tablet, id), signedInContext(browser, server).then((fresh) => tab(fresh, id))])
  await Promise.all(late.map((page) => readsAs(reply(page, 'streaming'), sent)))
  await write(' to become a crystal.')
  await Promise.all(late.map((page) => readsAs(reply(page, 'streaming'), sent)))
  await answer.finish()
  await Promise.all([first, ...late].map((page) => readsAs(reply(page, 'complete'), sent)))
  await close(first, ...late)
}, 60_000)

test('order and text are the same everywhere after a fast answer of emoji and two more prompts', async () => {
  const id = await createRoom(wire)
  const pages = [await tab(laptop, id), await tab(laptop, id), await tab(tablet, id)]
  const [one, two, three] = pages
  if (!one || !two || !three) throw new Error('no tab')
  await say(one, '[[emoji chunks=150 every=4]] first')
  await say(two, '[[cjk chunks=40 every=4]] second')
  await say(three, '[[surrogates]] third')
  const order = (page: Page) => articles(page).evaluateAll((all) => all.map((article) => article.getAttribute('data-message-id')))
  for (const page of pages) await eventually(async () => (await reply(page, 'complete').count()) === 3, 30_000)

  const { messages } = await wire.rpc.conversation.pull({ id, since: 0, limit: 200 })
  const inPlace = messages.toSorted((a, b) => a.position - b.position)
  expect(inPlace).toHaveLength(6)
  for (const page of pages) {
    expect(await order(page)).toEqual(inPlace.map((message) => message.id))
    for (const row of inPlace) {
      await eventually(async () => sha256((await storedText(page, row.id)) ?? '') === sha256(row.text))
      expect(await textOf(page.locator(`[data-message-id="${row.id}"]`))).toBe(words(row.text))
    }
  }
  await close(...pages)
}, 60_000)
