import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { composer, createRoom, idOf, openRoom, prompts, readsAs, reply, say, textOf } from '../support/room-page.ts'

const STOP_MS = 200

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let elsewhere: BrowserContext
/** A page in which the model falls silent: begun first, looked at last, because the server waits 45 seconds for it. */
let silent: Page

beforeAll(async () => {
  context = await signedInContext(browser, server)
  elsewhere = await signedInContext(browser, server)
  silent = await tab()
  await say(silent, '[[stall]] Tell me about silence')
  await reply(silent, 'streaming').waitFor()
}, 60_000)
afterAll(stop, 30_000)

async function tab(id?: string, where = context): Promise<Page> {
  return openRoom(await where.newPage(), server, id ?? (await createRoom(wire)))
}

const button = (page: Page, name: string) => reply(page).getByRole('button', { name, exact: true })

declare global {
  var noticed: Record<string, number>
}

/** Notes in the page, in milliseconds since 1970, when Stop is clicked and when this reply shows that it has stopped. */
async function clockStop(page: Page, replyId: string): Promise<void> {
  await page.locator(`[data-message-id="${replyId}"][data-state="streaming"]`).waitFor()
  await page.evaluate((id) => {
    globalThis.noticed = {}
    const note = (what: string) => (globalThis.noticed[what] ??= performance.timeOrigin + performance.now())
    document.addEventListener('click', () => note('clicked'), { capture: true, once: true })
    const observer = new MutationObserver(() => {
      if (!document.querySelector(`[data-message-id="${id}"][data-state="stopped"]`)) return
      note('stopped')
      observer.disconnect()
    })
    observer.observe(document, { subtree: true, childList: true, attributes: true })
  }, replyId)
}

async function noticed(page: Page, what: 'clicked' | 'stopped'): Promise<number> {
  return eventually(() => page.evaluate((key) => globalThis.noticed[key], what))
}

describe('Stop', () => {
  test('from another tab ends the answer in every tab within 200 ms of the click, keeps its text and says who did it', async () => {
    const id = await createRoom(wire)
    const pages = [await tab(id), await tab(id), await tab(id, elsewhere)]
    const [asker, stopper, watcher] = pages
    if (!asker || !stopper || !watcher) throw new Error('no tab')
    const seen = pages.map((page) => watch(page, server))
    const delays: number[] = []
    // The best of a few: a machine that does other things at the same time is late now and then.
    for (let attempt = 1; attempt <= 15 && Math.min(...delays, Number.POSITIVE_INFINITY) >= STOP_MS; attempt++) {
      await say(asker, `[[chunks=2000 every=10]] A long story, number ${attempt}`)
      await eventually(async () => (await reply(watcher).count()) === attempt && (await textOf(reply(watcher).last())).length > 200)
      const replyId = await idOf(reply(watcher).last())
      await Promise.all(pages.map((page) => clockStop(page, replyId)))
      await stopper.getByRole('button', { name: 'Stop' }).click()
      const clicked = await noticed(stopper, 'clicked')
      const stopped = await Promise.all(pages.map((page) => noticed(page, 'stopped')))
      delays.push(Math.max(...stopped) - clicked)
      await emulator.waitForDisconnect(({ prompt }) => prompt.endsWith(`number ${attempt}`))
    }
    expect(Math.min(...delays)).toBeLessThan(STOP_MS)
    const kept = await textOf(reply(asker).last())
    expect(kept.length).toBeGreaterThan(200)
    for (const page of pages) await readsAs(reply(page).last(), kept)
    for (const page of pages) await reply(page, 'stopped').last().getByText('Stopped by you.').waitFor()
    for (const watched of seen) watched.expectQuiet()
    for (const page of pages) await page.close()
  }, 60_000)

  test('is there only while an answer runs, and a stopped answer continues from its text', async () => {
    const page = await tab()
    const stop = page.getByRole('button', { name: 'Stop' })
    expect(await stop.count()).toBe(0)
    await say(page, 'The story of salt [[hand]]')
    const answer = await emulator.next({ prompt: 'salt' })
    await answer.write('Salt was money')
    await readsAs(reply(page, 'streaming'), 'Salt was money')
    await stop.click()
    await reply(page, 'stopped').waitFor()
    expect(await stop.count()).toBe(0)
    emulator.script.push(async (next) => {
      await next.write(' for a thousand years.')
      await next.finish()
    })
    await button(page, 'Continue').click()
    await readsAs(reply(page, 'complete'), 'Salt was money for a thousand years.')
    await page.close()
  }, 30_000)
})

describe('an answer that fails', () => {
  const failures: [name: string, words: string, state: string, sentence: RegExp][] = [
    ['because the model cannot be reached', '[[reset-first]]', 'failed', /could not be reached/],
    ['because the prompt was blocked', '[[blocked]]', 'failed', /would not answer this message.*Another wording may help/],
    ['because of the key', '[[403]]', 'failed', /refused the API key.*GEMINI_API_KEY/],
    ['because the model is not known', '[[404]]', 'failed', /no model named/],
  ]
  for (const [name, words, state, sentence] of failures) {
    test(`${name} says so in its place, and "Try again" asks again`, async () => {
      const page = await tab()
      const seen = watch(page, server)
      await say(page, `${words} ${name}`)
      await reply(page, state).getByText(sentence).waitFor()
      expect(await textOf(reply(page))).toBe('')
      emulator.script.push((answer) => answer.write('Here it is.').then(() => answer.finish()))
      await button(page, 'Try again').click()
      await readsAs(reply(page, 'complete'), 'Here it is.')
      expect(await reply(page).getByText(sentence).count()).toBe(0)
      expect(await prompts(page).count()).toBe(1)
      seen.expectQuiet()
      await page.close()
    }, 30_000)
  }

  const broken: [name: string, words: string, state: string, sentence: RegExp][] = [
    ['a safety block in the middle', '[[safety]]', 'failed', /broke off its answer \(safety\)/],
    ['an error in the middle', '[[error]]', 'failed', /not available right now/],
    ['a connection that breaks', '[[cut]]', 'interrupted', /connection to Gemini broke/],
    ['a reset', '[[reset]]', 'interrupted', /connection to Gemini broke/],
    ['an end without a reason', '[[end]]', 'interrupted', /connection to Gemini broke/],
  ]
  for (const [name, words, state, sentence] of broken) {
    test(`by ${name} keeps its text, says why, and "Continue" goes on from there`, async () => {
      const page = await tab()
      const seen = watch(page, server)
      await say(page, `${words} ${name}`)
      await reply(page, state).getByText(sentence).waitFor()
      const kept = await textOf(reply(page))
      expect(kept.length).toBeGreaterThan(10)
      emulator.script.push((answer) => answer.write(' This is the rest of it.').then(() => answer.finish()))
      await button(page, 'Continue').click()
      await reply(page, 'complete').waitFor()
      const whole = await textOf(reply(page))
      expect(whole).toStartWith(kept.slice(0, -1))
      expect(whole).toEndWith('This is the rest of it.')
      seen.expectQuiet()
      await page.close()
    }, 30_000)
  }

  test('because of a quota shows how long to wait, counting down, and may be tried again', async () => {
    const page = await tab()
    await say(page, '[[429=90]] Too much?')
    await reply(page, 'failed').getByText('asks for a little patience').waitFor()
    const left = async () => {
      const [, minutes = '0', seconds] = /again in (?:(\d+) min )?(\d+) s/.exec((await reply(page).textContent()) ?? '') ?? []
      return Number(minutes) * 60 + Number(seconds)
    }
    const first = await left()
    expect(first).toBeGreaterThan(20)
    expect(first).toBeLessThanOrEqual(90)
    await eventually(async () => (await left()) < first)
    emulator.script.push((answer) => answer.write('Not any more.').then(() => answer.finish()))
    await button(page, 'Try again').click()
    await readsAs(reply(page, 'complete'), 'Not any more.')
    await page.close()
  }, 30_000)

  test('at the length limit is whole so far, and says that there is more', async () => {
    const page = await tab()
    await say(page, '[[max]] A novel')
    await reply(page, 'complete').getByText('reached the length limit').waitFor()
    await button(page, 'Continue').waitFor()
    await page.close()
  }, 30_000)
})

test('prompts that are sent while an answer runs wait visibly, can be taken back, and are answered in their order', async () => {
  const page = await tab()
  await say(page, 'What is red? [[hand]]')
  const red = await emulator.next({ prompt: 'red' })
  await red.write('A colour of long waves')
  await readsAs(reply(page, 'streaming'), 'A colour of long waves')
  for (const colour of ['green', 'blue', 'grey']) await say(page, `What is ${colour}? [[hand]]`)
  await eventually(async () => (await reply(page, 'queued').getByText('waiting for its turn').count()) === 3)
  await reply(page, 'queued').nth(1).getByRole('button', { name: 'Withdraw' }).click()
  await eventually(async () => (await reply(page, 'queued').count()) === 2)
  await eventually(async () => (await composer(page).inputValue()) === 'What is blue? [[hand]]')

  await red.finish()
  const green = await emulator.next({ prompt: 'green' })
  await green.write('The colour of leaves')
  await green.finish()
  const grey = await emulator.next({ prompt: 'grey' })
  await grey.write('The colour of mice')
  await grey.finish()
  await eventually(async () => (await reply(page, 'complete').count()) === 3)
  const texts = await reply(page).locator('[data-part="text"]').allTextContents()
  expect(texts.map((text) => text.trim())).toEqual(['A colour of long waves', 'The colour of leaves', 'The colour of mice'])
  expect(emulator.requests.some(({ prompt }) => prompt.includes('blue') && !prompt.includes('grey'))).toBe(false)
  await page.close()
}, 30_000)

test('a model that falls silent is given up with a sentence, and the answer continues', async () => {
  await reply(silent, 'interrupted').getByText('said nothing for 45 seconds').waitFor({ timeout: 60_000 })
  const kept = await textOf(reply(silent))
  expect(kept.length).toBeGreaterThan(10)
  emulator.script.push((answer) => answer.write(' And it speaks again.').then(() => answer.finish()))
  await button(silent, 'Continue').click()
  await reply(silent, 'complete').waitFor()
  expect(await textOf(reply(silent))).toEndWith('And it speaks again.')
}, 90_000)
