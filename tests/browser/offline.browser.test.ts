import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { UNTITLED } from '../../web/lib/words.ts'
import { openProfile, watch } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { newId } from '#contract'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { enter, freshLink } from '../support/people.ts'
import { copyProduct, type ProductCopy } from '../support/product-copy.ts'
import { articles, composer, connected, createRoom, log, online, prompts, reply, rooms, say, textOf } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { storedRows } from '../support/stored-rows.ts'

/** What the browser itself says about a server that is away. */
const AWAY = [/ERR_CONNECTION_REFUSED/, /WebSocket connection to/, /status of 503/]

/** Of the store as it is now; a copy of the product is a version ahead. The browser counts ten for each of Dexie's. */
const SCHEMA = 4
const DEXIE_STEP = 10

let emulator: Emulator
let server: TestServer
/** Two later versions of the product: one whose client is newer, one that asks for a newer client. They are built while the first tests run. */
let later: readonly Promise<ProductCopy>[] = []
const folders: string[] = []
const contexts: BrowserContext[] = []

beforeAll(async () => {
  later = [
    copyProduct(['web/ui/examples.svelte', 'class="empty"', 'class="empty" data-newer']),
    copyProduct(
      ['server/contract/version.ts', 'export const WIRE = 1', 'export const WIRE = 2'],
      ['server/contract/version.ts', 'export const MINIMUM_WIRE = 1', 'export const MINIMUM_WIRE = 2'],
      // Everything but what was not sent is then asked for anew.
      ['web/store/database.ts', `const SCHEMA = ${SCHEMA}`, `const SCHEMA = ${SCHEMA + 1}`],
    ),
  ]
  // Whoever waits for them hears of it.
  for (const copy of later) copy.catch(() => undefined)
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  await enter(server, 'Ada')
}, 60_000)
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
})
afterAll(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  for (const copy of await Promise.allSettled(later)) if (copy.status === 'fulfilled') copy.value.remove()
  await server?.stop()
  await emulator?.stop()
}, 30_000)

async function open(folder: string): Promise<{ context: BrowserContext; page: Page }> {
  const context = await openProfile(folder)
  contexts.push(context)
  return { context, page: context.pages()[0] ?? (await context.newPage()) }
}

async function close(context: BrowserContext): Promise<void> {
  contexts.splice(contexts.indexOf(context), 1)
  await context.close()
}

/** A browser that was never here enters by a link, as a person does. */
async function newProfile(spaceBytes?: number): Promise<{ folder: string; context: BrowserContext; page: Page }> {
  const folder = mkdtempSync(join(tmpdir(), 'confab-profile-'))
  folders.push(folder)
  const { context, page } = await open(folder)
  if (spaceBytes !== undefined) {
    // Before the app comes: a browser looks only now and then how much space there is.
    const session = await context.newCDPSession(page)
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: spaceBytes })
  }
  await enterBy(page)
  return { folder, context, page }
}

async function enterBy(page: Page): Promise<void> {
  await page.goto(await freshLink(server))
  await page.getByRole('button', { name: 'Enter' }).click()
  await online(page)
}

/** The worker has taken over, with all that it keeps. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
    }
  })
}

async function client(): Promise<TestClient> {
  return connect(server, (await enter(server)).cookie)
}

/** Says something, again if there was too much at once: a message is taken only once. */
async function tell(wire: TestClient, conversationId: string, text: string): Promise<void> {
  const note = { id: newId(), conversationId, text, kind: 'note' as const, replyId: newId() }
  await eventually(() => wire.rpc.message.send(note))
}

/** A new conversation; resolves when it is on the screen. */
async function begin(page: Page): Promise<void> {
  const before = page.url()
  const wasNew = (await page.getByRole('heading', { level: 1 }).textContent()) === UNTITLED
  await page.getByRole('button', { name: 'New conversation' }).click()
  // Of a room in which nobody has said anything there is only one.
  if (!wasNew) await page.waitForURL((url) => url.href !== before)
  await page.getByRole('heading', { level: 1, name: UNTITLED }).waitFor()
}

async function choose(page: Page, title: string, what: 'Rename' | 'Delete'): Promise<void> {
  const row = rooms(page).getByRole('listitem').filter({ hasText: title })
  await row.hover()
  await row.getByRole('button').click()
  await page.getByRole('menuitem', { name: what }).click()
}

test('without the server the app opens from cold, shows every room, takes everything, and hands it over in order and once', async () => {
  const wire = await client()
  const [garden, attic, cellar] = [await createRoom(wire, 'Garden'), await createRoom(wire, 'Attic'), await createRoom(wire, 'Cellar')]
  for (const [id, text] of [
    [garden, 'the roses need water'],
    [attic, 'nobody goes there'],
    [cellar, 'forty bottles'],
  ] as const) {
    await tell(wire, id, text)
  }
  const { folder, context, page } = await newProfile()
  const seen = watch(page, server)
  await page.goto(`${server.url}/c/${garden}`)
  await log(page).getByText('the roses need water').waitFor()
  await kept(page)
  // Never opened on this device: brought in the background.
  await eventually(async () => (await storedRows(page, 'rooms')).length >= 3, 30_000)
  await close(context)
  await server.kill()

  const cold = await open(folder)
  const coldSeen = watch(cold.page, server)
  const startedAt = performance.now()
  await cold.page.goto(server.url)
  await composer(cold.page).waitFor()
  console.log(`the app is there ${Math.round(performance.now() - startedAt)} ms after its start without a server`)
  await connected(cold.page, 'offline')
  await cold.page.getByText('The server cannot be reached.').waitFor()
  for (const [title, text] of [
    ['Garden', 'the roses need water'],
    ['Attic', 'nobody goes there'],
    ['Cellar', 'forty bottles'],
  ] as const) {
    await rooms(cold.page).getByRole('link', { name: title }).click()
    await log(cold.page).getByText(text).waitFor()
  }

  await cold.page.goto(`${server.url}/c/${garden}`)
  await say(cold.page, 'shall I water them?')
  await prompts(cold.page, 'pending').waitFor()
  await choose(cold.page, 'Garden', 'Rename')
  await cold.page.getByRole('textbox', { name: 'Name' }).fill('Rose garden')
  await cold.page.keyboard.press('Enter')
  await cold.page.getByRole('heading', { level: 1, name: 'Rose garden' }).waitFor()
  await choose(cold.page, 'Attic', 'Delete')
  await cold.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await rooms(cold.page).getByRole('link', { name: 'Attic' }).waitFor({ state: 'detached' })
  await begin(cold.page)
  const made = new URL(cold.page.url()).pathname.slice('/c/'.length)
  await say(cold.page, 'first of three')
  await say(cold.page, 'second of three')
  await eventually(async () => (await prompts(cold.page, 'pending').count()) === 2)
  await composer(cold.page).fill('a thought that is not finished')
  // A draft is kept a moment after the last key.
  await eventually(async () => (await storedRows(cold.page, 'drafts')).some(({ text }) => text === 'a thought that is not finished'))
  await close(cold.context)

  const again = await open(folder)
  const againSeen = watch(again.page, server)
  await again.page.goto(`${server.url}/c/${made}`)
  await eventually(async () => (await composer(again.page).inputValue()) === 'a thought that is not finished')
  await composer(again.page).fill('')
  await say(again.page, 'third of three')
  await eventually(async () => (await prompts(again.page, 'pending').count()) === 3)
  expect(await reply(again.page).count()).toBe(0)
  const asked = emulator.requests.length

  await server.restart()
  await online(again.page)
  await eventually(async () => (await prompts(again.page, 'sent').count()) === 3, 30_000)
  await eventually(async () => (await reply(again.page, 'complete').count()) === 3, 30_000)
  await rooms(again.page).getByRole('link', { name: 'Rose garden' }).waitFor()

  const check = await client()
  const texts = async (id: string) => {
    const { messages } = await check.rpc.conversation.join({ id, since: 0, limit: 50 })
    return messages.sort((left, right) => left.position - right.position).flatMap((row) => (row.kind === 'reply' ? [] : [row.text]))
  }
  expect(await texts(made)).toEqual(['first of three', 'second of three', 'third of three'])
  expect(await texts(garden)).toEqual(['the roses need water', 'shall I water them?'])
  const { conversations } = await check.rpc.conversation.list({})
  expect(conversations.find(({ id }) => id === garden)?.title).toBe('Rose garden')
  // For a while after it was removed, that could have been taken back.
  await eventually(async () => !(await check.rpc.conversation.list({})).conversations.some(({ id }) => id === attic), 20_000)
  await eventually(() => emulator.requests.length === asked + 4)
  expect(await articles(again.page).count()).toBe(6)
  for (const text of await Promise.all((await prompts(again.page).all()).map(textOf))) expect(text).toMatch(/of three$/)
  for (const one of [seen, coldSeen, againSeen]) one.expectQuiet(...AWAY)
  await Promise.all([wire.close(), check.close()])
}, 120_000)

test('an answer that the server was writing when it went away can be stopped and continued without it', async () => {
  const { folder, context, page } = await newProfile()
  await kept(page)
  await begin(page)
  await say(page, '[[hand]] tell me about rivers')
  const answer = await emulator.next({ prompt: 'rivers' })
  await answer.write('A river begins ')
  await reply(page).getByText('A river begins').waitFor()
  await prompts(page, 'sent').waitFor()
  const room = page.url()
  // What was shown is in the store a moment later.
  await eventually(async () => (await storedRows(page, 'messages')).some(({ text }) => text?.startsWith('A river begins')))
  await close(context)
  await server.kill()

  const cold = await open(folder)
  await cold.page.goto(room)
  await reply(cold.page).getByText('A river begins').waitFor()
  await cold.page.getByRole('button', { name: 'Stop', exact: true }).click()
  await server.restart()
  // The restart has ended it already; stopping what has ended changes nothing.
  await reply(cold.page, 'interrupted').waitFor()
  await online(cold.page)
  await server.kill()
  await connected(cold.page, 'offline')
  await cold.page.reload()
  await connected(cold.page, 'offline')
  await cold.page.getByRole('button', { name: 'Continue' }).click()
  await eventually(async () => (await storedRows(cold.page, 'outbox')).length === 1)
  await close(cold.context)

  const again = await open(folder)
  await again.page.goto(room)
  await reply(again.page).waitFor()
  const asked = emulator.requests.length
  await server.restart()
  await reply(again.page, 'complete').waitFor()
  expect(await textOf(reply(again.page))).toMatch(/^A river begins \w/)
  expect(emulator.requests.length).toBe(asked + 1)
  expect(await prompts(again.page).count()).toBe(1)
}, 90_000)

test('after the session has ended, the same person finds what was not sent, and it goes', async () => {
  const { context, page } = await newProfile()
  await kept(page)
  await server.kill()
  await connected(page, 'offline')
  await begin(page)
  const written = ['written before the door closed', 'and behind it', 'and once more']
  for (const text of written) await say(page, text)
  await eventually(async () => (await prompts(page, 'pending').count()) === written.length)
  const asked = emulator.requests.length
  const room = page.url()
  await context.clearCookies()
  await server.restart()
  await page.waitForURL('**/enter')
  await enterBy(page)
  await page.goto(room)
  await eventually(async () => (await reply(page, 'complete').count()) === written.length, 20_000)
  expect(await Promise.all((await prompts(page, 'sent').all()).map(textOf))).toEqual(written)
  expect(emulator.requests.slice(asked).map(({ prompt }) => prompt)).toEqual(written)
}, 60_000)

test('what is kept for a start without the server is nobody’s, and leaving takes the rest', async () => {
  const { page } = await newProfile()
  await kept(page)
  const cached = await page.evaluate(async () => {
    const texts: Record<string, string> = {}
    for (const name of await caches.keys()) {
      const cache = await caches.open(name)
      for (const request of await cache.keys()) texts[new URL(request.url).pathname] = (await (await cache.match(request))?.text()) ?? ''
    }
    return texts
  })
  expect(Object.keys(cached)).toContain('/shell')
  expect(Object.keys(cached).filter((path) => !/^\/(shell|favicon\.svg|manifest\.webmanifest|icons\/.+|assets\/.+)$/.test(path))).toEqual(
    [],
  )
  const { personId } = await page.evaluate(() => JSON.parse(localStorage.getItem('confab.person') ?? '{}'))
  for (const text of Object.values(cached)) for (const secret of [personId, '>Ada<', '"Ada"']) expect(text).not.toContain(secret)

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL('**/enter')
  expect(await page.evaluate(() => localStorage.getItem('confab.person'))).toBeNull()
  expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual([])
  await server.kill()
  // Nobody is remembered, so there is nobody to open the app for.
  await page.goto(server.url).catch(() => undefined)
  await page.waitForURL('chrome-error://**').catch(() => undefined)
  expect(await composer(page).count()).toBe(0)
  await server.restart()
}, 60_000)

test('a page that lost its network before it could keep its files keeps them as soon as it has one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'confab-profile-'))
  folders.push(folder)
  const { context, page } = await open(folder)
  const script = /\/updates-[^/]*\.js$/
  await context.route(script, (route) => route.abort('internetdisconnected'))
  const missed = page.waitForEvent('requestfailed', (request) => script.test(request.url()))
  await enterBy(page)
  await missed
  await context.setOffline(true)
  await connected(page, 'offline')
  await context.unroute(script)
  await context.setOffline(false)
  await online(page)
  await kept(page)
}, 60_000)

test('only the one service worker may be registered', async () => {
  const { page } = await newProfile()
  const refusal = await page.evaluate(() => navigator.serviceWorker.register('/worker.js').then(String, String))
  expect(refusal).toContain('TrustedScriptURL')
}, 60_000)

const notice = (page: Page) => page.getByRole('status').getByText('A new version is ready')
const version = (page: Page) => page.evaluate(() => document.body.dataset.build)

test('a newer client waits for the reader’s word, then every tab has it, with drafts and what was not sent', async () => {
  const [newer, required] = await Promise.all(later)
  if (!newer || !required) throw new Error('no copies')
  try {
    const { context, page } = await newProfile()
    await kept(page)
    const wire = await client()
    const other = await context.newPage()
    await other.goto(`${server.url}/c/${await createRoom(wire, 'Elsewhere')}`)
    await online(other)
    await wire.close()
    const before = await version(page)

    await server.restart({}, newer.root)
    for (const tab of [page, other]) await notice(tab).waitFor({ timeout: 30_000 })
    // Nothing happens by itself.
    expect(await version(page)).toBe(before)
    await composer(other).fill('half a sen')
    await composer(page).pressSequentially('in the other')
    await page.getByRole('button', { name: 'Reload' }).click()
    for (const tab of [page, other]) await eventually(async () => (await version(tab)) !== before, 20_000)
    for (const tab of [page, other]) await online(tab)
    expect(await version(other)).toBe(await version(page))
    await eventually(async () => (await composer(other).inputValue()) === 'half a sen')
    await eventually(async () => (await composer(page).inputValue()) === 'in the other')
    expect(await notice(page).count()).toBe(0)
    await eventually(async () => (await page.evaluate(() => caches.keys())).length === 1)

    // A tab that is opened after an update is of the new version, whatever worker answers it.
    await server.kill()
    await connected(page, 'offline')
    await composer(page).fill('')
    await say(page, 'kept for the version after')
    await say(page, 'kept behind it')
    const message = (state: string) => prompts(page, state).filter({ hasText: 'kept ' })
    await eventually(async () => (await message('pending').count()) === 2)
    await composer(page).fill('and this is a draft')
    await eventually(async () => (await storedRows(page, 'drafts')).some(({ text }) => text === 'and this is a draft'))
    await server.restart({}, required.root)
    await page.getByRole('status').getByText('needed to go on').waitFor({ timeout: 30_000 })
    await page.getByRole('button', { name: 'Reload' }).click()
    await online(page)
    await eventually(async () => (await message('sent').count()) === 2, 20_000)
    expect(await Promise.all((await message('sent').all()).map(textOf))).toEqual(['kept for the version after', 'kept behind it'])
    expect(await composer(page).inputValue()).toBe('and this is a draft')
    expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ version: schema }) => schema))).toEqual([
      (SCHEMA + 1) * DEXIE_STEP,
    ])
  } finally {
    await server.restart({})
  }
}, 180_000)

const QUOTA_BYTES = 16_000_000
const BIG_ROOMS = 12

test('a device that is full gives up what the server has too, never what was not sent, and everything still works', async () => {
  for (let index = 0; index < BIG_ROOMS; index++) {
    // One line for each: the server keeps count of what comes over it.
    const wire = await client()
    const id = await createRoom(wire, `Big ${index}.`)
    for (let said = 0; said < 12; said++) await tell(wire, id, noise(8_000))
    await tell(wire, id, `the end of ${index}.`)
    await wire.close()
  }
  const { page } = await newProfile(QUOTA_BYTES)
  await server.kill()
  await connected(page, 'offline')
  await begin(page)
  await say(page, 'written while there was space')
  await prompts(page, 'pending').waitFor()
  const written = page.url()
  await page.evaluate(readMuch, QUOTA_BYTES)
  await server.restart()
  await online(page)
  for (let index = 0; index < BIG_ROOMS; index++) {
    await rooms(page)
      .getByRole('link', { name: `Big ${index}.` })
      .click()
    await log(page).getByText(`the end of ${index}.`).waitFor()
  }
  await page.getByRole('status').getByText('This device is full').waitFor()
  await say(page, 'written when it was full')
  await prompts(page, 'sent').waitFor()
  await page.goto(written)
  await prompts(page, 'sent').waitFor()
  expect(await textOf(prompts(page))).toBe('written while there was space')
}, 120_000)

/** Text that does not get smaller on a disk. */
function noise(length: number): string {
  return crypto.getRandomValues(Buffer.alloc(length)).toString('base64').slice(0, length)
}

/** Runs in the page: rows as they are there after years of reading, until nothing more fits into the space. */
async function readMuch(spaceBytes: number): Promise<void> {
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.addEventListener('success', () => resolve(request.result))
      request.addEventListener('error', () => reject(new Error(String(request.error))))
    })
  const { personId } = JSON.parse(localStorage.getItem('confab.person') ?? '{}')
  const database = await done(indexedDB.open(`confab-${personId}`))
  for (let used = 0; used < spaceBytes; used += 200_000) {
    const room = crypto.randomUUID()
    const transaction = database.transaction(['rooms', 'messages'], 'readwrite')
    const ended = new Promise<boolean>((resolve) => {
      transaction.addEventListener('complete', () => resolve(true))
      transaction.addEventListener('abort', () => resolve(false))
    })
    transaction.objectStore('rooms').put({ id: room, cursor: 25, oldest: 1, complete: true })
    for (let position = 1; position <= 25; position++) {
      const text = Array.from(crypto.getRandomValues(new Uint8Array(8_000)), (byte) => String.fromCharCode(32 + (byte % 90))).join('')
      const row = {
        id: crypto.randomUUID(),
        conversationId: room,
        parentId: null,
        position,
        revision: position,
        createdAt: 1,
        deleted: false,
      }
      transaction.objectStore('messages').put({ ...row, kind: 'note', text, author: { id: personId, name: 'Ada' }, delivery: 'sent' })
    }
    if (!(await ended)) break
  }
  database.close()
}
