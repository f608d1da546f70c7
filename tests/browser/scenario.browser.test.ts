import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright'
import { DESKTOP, launch, phone, type Watch, watch } from '../support/browser.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { picture } from '../support/pictures.ts'
import { articles, composer, log, prompts, readsAs, reply, say, typeUntil } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/*
 * An evening on one page after the other: two people in two browsers, somebody who reads along, a guest on a phone, and a stranger with a shared
 * page. Nobody does anything that a person could not do: they find things by their names, copy what is shown, and press what is there.
 */

/** Of a guest, from an invitation to the first message: opening it, saying a name, saying something. */
const ACTIONS = 3
const QUESTION = 'We have a balcony that faces north. What can we plant in March?'
const PLANTS = [
  '**Ferns and hostas** take the shade all year',
  '**Mint and chives** want little light',
  '**Violas** flower from now to June',
]

let emulator: Emulator
let server: TestServer
let browser: Browser
const watches: Watch[] = []

beforeAll(async () => {
  ;[emulator, browser] = await Promise.all([startEmulator({ manual: true }), launch()])
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  await emulator?.stop()
}, 30_000)

/** A browser of somebody's own, in which nobody has been here before. */
async function browserOf(options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options })
  const page = await context.newPage()
  watches.push(watch(page, server))
  return page
}

const button = (at: Page | Locator, name: string | RegExp) => at.getByRole('button', { name, exact: true })
const notes = (page: Page) => page.locator('article[data-role="note"]')

/** Opens a link, says a name, and is in. What was done is added to `did`. */
async function comeIn(page: Page, address: string, name: string, did: string[] = [], shown = async () => {}): Promise<void> {
  await page.goto(address)
  did.push('opened the invitation')
  const box = page.getByRole('textbox', { name: 'Your name' })
  await box.waitFor()
  await shown()
  // Where the cursor is already.
  await page.keyboard.type(name)
  await page.keyboard.press('Enter')
  did.push('said a name')
  await page.getByRole('heading', { level: 1 }).waitFor()
}

/** Makes a link in the open panel, copies it as people do, and leaves the panel as it was. The link. */
async function copyLink(page: Page, who: 'Participant' | 'Viewer' | 'Anybody', label: string, shown = async () => {}): Promise<string> {
  const panel = page.getByRole('dialog', { name: 'Invite people' })
  await panel.getByRole('radio', { name: new RegExp(`^${who}`) }).check()
  await panel.getByRole('textbox', { name: /^Label/ }).fill(label)
  await button(panel, 'Make a link').click()
  await button(panel, 'Copy the link').click()
  await button(panel, 'Copied').waitFor()
  const address = await page.evaluate(() => navigator.clipboard.readText())
  await panel.getByRole('listitem').filter({ hasText: label }).waitFor()
  await shown()
  await button(panel, 'Make another').click()
  return address
}

async function revoke(page: Page, label: string, { people }: { people: boolean }, shown = async () => {}): Promise<void> {
  await page.getByRole('dialog', { name: 'Invite people' }).getByRole('listitem').filter({ hasText: label }).getByRole('button').click()
  const question = page.getByRole('dialog', { name: 'Revoke this link?' })
  if (people) await question.getByRole('checkbox', { name: /have to leave/ }).check()
  await shown()
  await button(question, 'Revoke').click()
  await page.getByRole('listitem').filter({ hasText: label }).waitFor({ state: 'detached' })
}

test('an evening of two people, a reader and a guest on a phone, from the first invitation until all is closed', async () => {
  const sana = await browserOf({ viewport: DESKTOP })
  const mara = await browserOf({ viewport: DESKTOP, colorScheme: 'dark' })
  const vera = await browserOf({ viewport: { width: 900, height: 700 } })
  const jon = await browserOf({ ...phone(), deviceScaleFactor: 3, colorScheme: 'dark' })
  const stranger = await browserOf(phone())
  const everybody = [sana, mara, vera, jon]

  // The owner comes in by the link that the server prints, and asks.
  await comeIn(sana, await server.claimLink(), 'Sana', [], () => picture(sana, '01-claim'))
  await sana.getByText('What is on your mind').waitFor()
  await picture(sana, '02-empty-room')
  await say(sana, QUESTION)
  const first = await emulator.next({ prompt: QUESTION })
  await first.write(`A north wall is no loss:\n\n${PLANTS.map((plant) => `- ${plant}`).join('\n')}\n\n`)
  await first.write('Water less than you think, and let the pots stand on feet.')
  await first.finish()
  await reply(sana, 'complete').waitFor()
  await picture(sana, '03-first-answer')

  // Invite, and join.
  await button(sana, 'Invite').click()
  await sana.getByRole('dialog', { name: 'Invite people' }).waitFor()
  await picture(sana, '04-invite')
  const forMara = await copyLink(sana, 'Participant', 'For Mara', () => picture(sana, '05-invite-made'))
  const forVera = await copyLink(sana, 'Viewer', 'For Vera')
  const forJon = await copyLink(sana, 'Participant', 'For Jon')
  await button(sana.getByRole('dialog'), 'Close').click()
  await comeIn(mara, forMara, 'Mara', [], () => picture(mara, '06-enter-dark'))
  await comeIn(vera, forVera, 'Vera')
  await vera.getByText('You can read along here.').waitFor()
  const did: string[] = []
  const began = performance.now()
  await comeIn(jon, forJon, 'Jon', did, () => picture(jon, '07-enter-phone'))
  await composer(jon).waitFor()
  const inside = performance.now()
  await reply(jon, 'complete').waitFor()
  await picture(jon, '08-first-sight-phone')
  const looked = performance.now() - inside
  await say(jon, '/note Hello from the tram')
  did.push('said something')
  await notes(jon).and(jon.locator('[data-state="sent"]')).waitFor()
  console.log(`From the invitation to the first message: ${did.join(', ')}: ${Math.round(performance.now() - began - looked)} ms`)
  expect(did.length).toBeLessThanOrEqual(ACTIONS)
  await sana.getByRole('button', { name: /here: you, Mara, Vera and Jon/ }).waitFor()

  // Both type.
  await composer(mara).fill('And which of them')
  await composer(sana).fill('How often do')
  await typeUntil([mara, sana], async () => {
    const seen = [
      sana.getByText('Mara is typing…'),
      mara.getByText('Sana is typing…'),
      jon.getByText(/(Mara and Sana|Sana and Mara) are typing…/),
    ]
    return (await Promise.all(seen.map((words) => words.isVisible()))).every(Boolean)
  })
  await picture(jon, '09-both-type-phone')
  await picture(mara, '10-both-type-dark')

  // What is asked while an answer is written stands in line.
  await say(sana, 'How often do they need water?')
  const second = await emulator.next({ prompt: 'water' })
  await second.write('In March **once a week** is plenty. Put a finger into the soil: when it is dry to the first')
  await say(mara, 'And which of them can we eat?')
  await reply(sana, 'queued').getByText('next in line').waitFor()
  await say(jon, 'Is there something for bees?')
  for (const page of everybody) await eventually(async () => (await reply(page, 'queued').count()) === 2)
  await jon.getByText('2nd in line').waitFor()
  await picture(sana, '11-queue')
  await picture(jon, '12-queue-phone')
  await picture(vera, '13-queue-viewer')

  // Somebody else stops it, and the next one begins.
  await button(mara, 'Stop').click()
  await reply(sana, 'stopped').getByText('Stopped by Mara.').waitFor()
  const third = await emulator.next({ prompt: 'can we eat' })
  await third.write('Mint and chives, of course. **Hostas** too: their young shoots are a vegetable in Japan.')
  for (const page of everybody) await reply(page, 'streaming').getByText('young shoots').waitFor()
  await reply(sana, 'streaming').getByText('4 watching').waitFor()
  await picture(sana, '14-stopped')
  await picture(mara, '15-stopped-dark')
  await third.finish()
  const fourth = await emulator.next({ prompt: 'for bees' })
  await fourth.write('Let some of the chives flower.')
  await fourth.finish()
  await eventually(async () => (await reply(jon, 'complete').count()) === 3)

  // A note is for people.
  const secret = 'The mint is a present for Vera'
  await button(jon, 'Note').click()
  await composer(jon).fill(secret)
  await picture(jon, '16-note-phone')
  await composer(jon).press('Enter')
  for (const page of everybody) await readsAs(notes(page).last(), secret)
  await picture(mara, '17-note-dark')

  // A page for everybody is live, and has no notes.
  await button(sana, 'Invite').click()
  const shared = await copyLink(sana, 'Anybody', 'For the neighbours', () => picture(sana, '18-share-made'))
  await stranger.goto(shared)
  await stranger.getByText('Live', { exact: true }).waitFor()
  await say(mara, 'Thank you! What do we buy on Saturday?')
  const fifth = await emulator.next({ prompt: 'Saturday' })
  await fifth.write('Two bags of peat-free soil, ')
  await readsAs(reply(stranger, 'streaming'), 'Two bags of peat-free soil,')
  await picture(stranger, '19-shared-phone')
  await fifth.write('a fern, and **chives in a pot**.')
  await fifth.finish()
  for (const page of [...everybody, stranger])
    await readsAs(reply(page, 'complete').last(), 'Two bags of peat-free soil, a fern, and chives in a pot.')
  expect(await stranger.content()).not.toContain(secret)
  expect(JSON.stringify(emulator.requests)).not.toContain(secret)
  expect(await articles(stranger).count()).toBe((await articles(sana).count()) - (await notes(sana).count()))

  // The links are revoked, with those who came by them.
  await revoke(sana, 'For the neighbours', { people: false })
  await stranger.getByText('This link opens nothing any more.').waitFor()
  await picture(stranger, '20-revoked-share-phone')
  await revoke(sana, 'For Mara', { people: true }, () => picture(sana, '21-revoke'))
  for (const label of ['For Vera', 'For Jon']) await revoke(sana, label, { people: true })
  for (const page of [mara, vera, jon]) {
    await page.getByRole('heading', { name: 'This conversation is not here' }).waitFor()
    expect(await log(page).getByText('balcony').count()).toBe(0)
    expect(await composer(page).count()).toBe(0)
  }
  await picture(mara, '22-closed-dark')
  await picture(jon, '23-closed-phone')
  await sana.getByText('Links that work').waitFor({ state: 'detached' })
  await button(sana.getByRole('dialog'), 'Close').click()
  await sana.getByText('4 people').waitFor({ state: 'detached' })
  await picture(sana, '24-alone')
  for (const address of [forMara, forVera, forJon]) {
    const page = await browserOf(phone())
    await page.goto(address)
    await page.getByRole('alert').getByText('This link has been used, has expired').waitFor()
    if (address === forJon) await picture(page, '25-spent-phone')
    await page.context().close()
  }
  const answer = await stranger.goto(shared)
  expect(answer?.status()).toBe(404)
  await picture(stranger, '26-gone-phone')
  expect(await prompts(sana).count()).toBe(5)
  for (const seen of watches) seen.expectQuiet(/status of (404|410)/)
}, 180_000)
