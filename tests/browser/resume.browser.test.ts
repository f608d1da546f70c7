import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { LOST, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { connect } from '../support/client.ts'
import type { Answer } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { composer, connected, createRoom, online, openRoom, readsAs, reply, say, storedDraft, textOf } from '../support/room-page.ts'

/** What the browser itself says about a connection that is gone. */
const DRAFT = 'and what of the small ones?'

const { emulator, server, browser, owner, stop } = await setBrowserStage()
const { cookie } = owner
let context: BrowserContext

beforeAll(async () => {
  context = await signedInContext(browser, server)
  await context.addInitScript(record)
}, 60_000)
afterAll(stop, 30_000)

declare global {
  var recorded: { shrunk: string[]; problems: string[] }
}

/** Runs in the page: notes every text that gets shorter, and every error that is shown for however short a time. */
function record(): void {
  globalThis.recorded = { shrunk: [], problems: [] }
  const lengths = new Map<string, number>()
  const look = () => {
    for (const article of document.querySelectorAll<HTMLElement>('article[data-role="model"]')) {
      const id = article.dataset.messageId ?? ''
      const length = article.querySelector('[data-part="text"]')?.textContent.trim().length ?? 0
      const before = lengths.get(id) ?? 0
      if (length < before) globalThis.recorded.shrunk.push(`${before} -> ${length}`)
      lengths.set(id, length)
    }
    for (const shown of document.querySelectorAll<HTMLElement>('main .problem, [role="alert"]')) {
      globalThis.recorded.problems.push(shown.innerText)
    }
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true })
}

async function expectCalm(page: Page): Promise<void> {
  expect(await page.evaluate(() => globalThis.recorded)).toEqual({ shrunk: [], problems: [] })
}

type Story = { page: Page; answer: Answer; write(text: string): Promise<void>; readonly sent: string; id: string }

/** A page in a new room in which an answer has begun, with a draft in the composer. */
async function begin(subject: string): Promise<Story> {
  const wire = await connect(server, cookie)
  const id = await createRoom(wire)
  await wire.close()
  const page = await openRoom(await context.newPage(), server, id)
  await say(page, `${subject} [[hand]]`)
  const answer = await emulator.next({ prompt: subject })
  let sent = ''
  const story: Story = {
    page,
    answer,
    id,
    get sent() {
      return sent
    },
    async write(text) {
      sent += text
      await answer.write(text)
    },
  }
  await story.write('Whales sing,')
  await readsAs(reply(page, 'streaming'), story.sent)
  await composer(page).pressSequentially(DRAFT)
  await eventually(async () => (await storedDraft(page, id)) === DRAFT)
  return story
}

test('a page that is loaded again in the middle of an answer loses neither text nor draft, and the answer goes on', async () => {
  const story = await begin('Whales and reloading?')
  const { page } = story
  const seen = watch(page, server)
  await page.reload()
  await readsAs(reply(page, 'streaming'), story.sent)
  await story.write(' and the song')
  await readsAs(reply(page, 'streaming'), story.sent)
  await page.reload()
  await story.write(' travels for miles')
  await readsAs(reply(page, 'streaming'), story.sent)
  await story.write(' in the deep.')
  await story.answer.finish()
  await readsAs(reply(page, 'complete'), story.sent)
  expect(await composer(page).inputValue()).toBe(DRAFT)
  await expectCalm(page)
  seen.expectQuiet()
  await page.close()
}, 60_000)

test('a tab that is closed and opened again finds the answer where it has got to', async () => {
  const story = await begin('Whales and closing?')
  await story.page.close()
  await story.write(' and nobody listens')
  const page = await openRoom(await context.newPage(), server, story.id)
  await readsAs(reply(page, 'streaming'), story.sent)
  await story.write(' but the others.')
  await story.answer.finish()
  await readsAs(reply(page, 'complete'), story.sent)
  expect(await composer(page).inputValue()).toBe(DRAFT)
  await expectCalm(page)
  await page.close()
}, 60_000)

test('an answer goes on by itself when the network comes back', async () => {
  const story = await begin('Whales and the network?')
  const { page } = story
  const seen = watch(page, server)
  await context.setOffline(true)
  await connected(page, 'offline')
  await story.write(' unheard for a while,')
  await readsAs(reply(page, 'streaming'), 'Whales sing,')
  await context.setOffline(false)
  await online(page)
  await readsAs(reply(page, 'streaming'), story.sent)
  await story.write(' then louder.')
  await readsAs(reply(page, 'streaming'), story.sent)
  await story.answer.finish()
  await readsAs(reply(page, 'complete'), story.sent)
  expect(await composer(page).inputValue()).toBe(DRAFT)
  await expectCalm(page)
  seen.expectQuiet(...LOST)
  await page.close()
}, 60_000)

test('an answer goes on by itself when a server that stood still goes on', async () => {
  const story = await begin('Whales and patience?')
  const { page } = story
  const seen = watch(page, server)
  server.signal('SIGSTOP')
  try {
    await story.write(' hold their breath')
    // As when a phone changes networks: the page looks at once, and finds that nobody answers.
    await page.evaluate(() => dispatchEvent(new Event('offline')))
    await connected(page, 'offline')
    await readsAs(reply(page, 'streaming'), 'Whales sing,')
  } finally {
    server.signal('SIGCONT')
  }
  await online(page)
  await readsAs(reply(page, 'streaming'), story.sent)
  await story.write(' for two hours.')
  await story.answer.finish()
  await readsAs(reply(page, 'complete'), story.sent)
  expect(await composer(page).inputValue()).toBe(DRAFT)
  await expectCalm(page)
  seen.expectQuiet(...LOST)
  await page.close()
}, 60_000)

test('a page whose socket is kept through a short standstill of the server shows the rest at once', async () => {
  const story = await begin('Whales and a pause?')
  const { page } = story
  server.signal('SIGSTOP')
  await story.write(' dive')
  server.signal('SIGCONT')
  await story.write(' and come up.')
  await story.answer.finish()
  await readsAs(reply(page, 'complete'), story.sent)
  await expectCalm(page)
  await page.close()
}, 60_000)

test('after a kill of the server the answer says that it was interrupted, keeps what was seen, and continues on request', async () => {
  const story = await begin('Whales and kill?')
  const { page } = story
  const seen = watch(page, server)
  await story.write(' and then it is quiet')
  await readsAs(reply(page, 'streaming'), story.sent)
  await server.kill()
  await connected(page, 'offline')
  expect(await textOf(reply(page))).toBe(story.sent)
  await expectCalm(page)

  await server.restart()
  await online(page)
  await reply(page, 'interrupted').getByText('The server was restarted').waitFor()
  expect(await textOf(reply(page))).toBe(story.sent)
  expect(await composer(page).inputValue()).toBe(DRAFT)

  emulator.script.push(async (answer) => {
    await answer.write(' until the next one sings.')
    await answer.finish()
  })
  await reply(page).getByRole('button', { name: 'Continue' }).click()
  await reply(page, 'complete').waitFor()
  const whole = await textOf(reply(page))
  expect(whole).toStartWith(story.sent)
  expect(whole).toEndWith('until the next one sings.')
  expect((await page.evaluate(() => globalThis.recorded)).shrunk).toEqual([])
  expect(await composer(page).inputValue()).toBe(DRAFT)
  seen.expectQuiet(...LOST)
  await page.close()
}, 60_000)
