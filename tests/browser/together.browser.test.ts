import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContextOptions, Locator, Page } from 'playwright'
import { newId, type Role } from '#contract'
import { DESKTOP, phone, watch, type Watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { admit, type Entered, introduce } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { composer, createRoom, log, online, prompts, readsAs, reply, rooms, say } from '../support/room-page.ts'

const postgres = await startPostgres()
const { emulator, server, browser, owner: ada, wire, stop } = await setBrowserStage({ postgres })
let mara: Entered
let vera: Entered
const watches: Watch[] = []

beforeAll(async () => {
  mara = await introduce(postgres.url, ada, 'Mara')
  vera = await introduce(postgres.url, ada, 'Vera')
}, 90_000)
afterAll(stop, 30_000)

/** A room of Ada's in which Mara is, and whoever else. */
async function room(title: string, ...others: [who: Entered, role: Role][]): Promise<string> {
  const id = await createRoom(wire, title)
  for (const [who, role] of [[mara, 'participant'] as const, ...others]) await admit(postgres.url, id, who, role)
  return id
}

async function open(who: Entered, id: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options })
  const [name = '', ...value] = who.cookie.split('=')
  await context.addCookies([{ name, value: value.join('='), url: server.url, httpOnly: true, sameSite: 'Lax' }])
  const page = await context.newPage()
  watches.push(watch(page, server))
  await page.goto(`${server.url}/c/${id}`)
  await online(page)
  return page
}

async function close(...pages: Page[]): Promise<void> {
  for (const seen of watches.splice(0)) seen.expectQuiet()
  for (const page of pages) await page.context().close()
}

const notes = (page: Page) => page.locator('article[data-role="note"]')
const button = (at: Page | Locator, name: string) => at.getByRole('button', { name, exact: true })
const rowOf = (page: Page, title: string) => rooms(page).getByRole('listitem').filter({ hasText: title })

/** Asks something whose answer a test writes by hand. */
async function ask(page: Page, text: string) {
  await say(page, `${text} [[hand]]`)
  return emulator.next({ prompt: text })
}

describe('two people in one room', () => {
  test('see who is here, who is typing, to whom an answer is and how many watch it; either may stop it', async () => {
    const id = await room('Together', [vera, 'viewer'])
    const hers = await open(ada, id)
    await hers.getByRole('button', { name: /here: you; away: Mara and Vera/ }).waitFor()
    const his = await open(mara, id)
    await hers.getByRole('button', { name: /here: you and Mara; away: Vera/ }).waitFor()
    await hers.getByText('· 3 people').waitFor()

    await composer(his).pressSequentially('Well')
    await hers.getByText('Mara is typing…').waitFor()
    expect(await his.getByText('is typing…').count()).toBe(0)
    await composer(his).fill('')

    const answer = await ask(hers, 'How do tides work?')
    await answer.write('The moon')
    await readsAs(reply(his, 'streaming'), 'The moon')
    expect(await reply(his).getByText('to Ada').count()).toBe(1)
    await reply(his).getByText('2 watching').waitFor()
    // Going counts for nobody but for those who stay.
    await close(hers)
    await reply(his).getByText('writing').waitFor()
    await eventually(async () => (await reply(his).getByText('watching').count()) === 0)

    await button(his, 'Stop').click()
    await reply(his, 'stopped').getByText('Stopped by you.').waitFor()
    const again = await open(ada, id)
    await reply(again, 'stopped').getByText('Stopped by Mara.').waitFor()
    await close(again, his)
  }, 60_000)

  test('stand in line: prompts are taken back, change places, and are asked instead of what runs', async () => {
    const id = await room('In line')
    const [hers, his] = await Promise.all([open(ada, id), open(mara, id)])
    const first = await ask(hers, 'First')
    await first.write('At length')
    await readsAs(reply(his, 'streaming'), 'At length')
    await say(his, 'Between')
    await reply(hers, 'queued').getByText('next in line').waitFor()
    for (const text of ['red', 'green', 'blue']) await say(hers, `${text} [[hand]]`)
    // On both pages, before anything is pressed: which one is the last differs as long as a page has heard of fewer.
    for (const page of [hers, his]) {
      await eventually(async () => (await reply(page, 'queued').count()) === 4)
      await reply(page, 'queued').last().getByText('4th in line').waitFor()
    }
    // What others have asked can be cancelled, and neither moved nor taken back.
    expect(await button(reply(his, 'queued').last(), 'Withdraw').count()).toBe(0)
    expect(await button(reply(his, 'queued').last(), 'Ask sooner').count()).toBe(0)

    await button(reply(hers, 'queued').last(), 'Ask sooner').click()
    const asked = (page: Page) => prompts(page).locator('[data-part="text"]').allTextContents()
    const order = ['First [[hand]]', 'Between', 'red [[hand]]', 'blue [[hand]]', 'green [[hand]]']
    for (const page of [hers, his]) await eventually(async () => (await asked(page)).join() === order.join())

    await composer(hers).fill('and more')
    await button(reply(hers, 'queued').nth(1), 'Withdraw').click()
    for (const page of [hers, his]) await eventually(async () => (await reply(page, 'queued').count()) === 3)
    await eventually(async () => (await composer(hers).inputValue()) === 'red [[hand]]\n\nand more')
    expect(await asked(his)).not.toContain('red [[hand]]')

    // Mara's is next: asked now, it ends what runs.
    await button(reply(his, 'queued').first(), 'Ask now').click()
    await reply(hers, 'stopped').getByText('Stopped by Mara.').waitFor()
    const blue = await emulator.next({ prompt: 'blue' })
    await blue.finish()
    const green = await emulator.next({ prompt: 'green' })
    await green.write('A colour')
    await readsAs(reply(his, 'streaming'), 'A colour')

    await composer(his).fill('Rather: what is grey? [[hand]]')
    await button(his, 'Ask instead').click()
    const grey = await emulator.next({ prompt: 'grey' })
    await grey.write('A colour of mice')
    await grey.finish()
    await readsAs(reply(hers, 'complete').last(), 'A colour of mice')
    expect(emulator.requests.some(({ prompt }) => prompt.includes('red'))).toBe(false)
    await close(hers, his)
  }, 60_000)

  test('write notes that look different and that no model is ever sent', async () => {
    const id = await room('Notes')
    const [hers, his] = await Promise.all([open(ada, id), open(mara, id)])
    const [secret, whispered] = [newId(), newId()]
    await button(hers, 'Note').click()
    expect(await button(hers, 'Note').getAttribute('aria-pressed')).toBe('true')
    await hers.getByText('Only people read this.').waitFor()
    await say(hers, `Between us: ${secret}`)
    await notes(his).getByText('only people').waitFor()
    await readsAs(notes(his), `Between us: ${secret}`)
    await button(hers, 'Note').click()
    await say(his, `/note ${whispered}`)
    await readsAs(notes(hers).last(), whispered)
    expect(await reply(hers).count()).toBe(0)

    await say(hers, 'And what do you say?')
    await reply(his, 'complete').waitFor()
    expect(emulator.requests.length).toBeGreaterThan(0)
    expect(JSON.stringify(emulator.requests)).not.toContain(secret)
    expect(JSON.stringify(emulator.requests)).not.toContain(whispered)

    await wire.rpc.conversation.update({ id, answer: 'mention' })
    await his.getByText('Gemini answers when you write @gemini.').waitFor()
    await say(his, 'Hello everybody')
    await readsAs(prompts(hers).last(), 'Hello everybody')
    await button(his, '@gemini').click()
    await composer(his).pressSequentially('are you there?')
    await his.getByText('Gemini answers this.').waitFor()
    await composer(his).press('Enter')
    await eventually(async () => (await reply(hers, 'complete').count()) === 2)
    await close(hers, his)
  }, 60_000)

  test('see what they have not read, on every device', async () => {
    const [here, elsewhere, quiet] = [await room('Nearby'), await room('Elsewhere'), await room('Quiet')]
    const hers = await open(ada, here)
    const [his, phoneOfHis] = await Promise.all([open(mara, here), open(mara, here, phone())])
    const there = await open(ada, elsewhere)
    for (const text of ['one', 'two']) {
      await say(there, `/note ${text}`)
      await there.locator('article[data-role="note"][data-state="sent"]').getByText(text).waitFor()
    }
    await there.context().close()
    await rowOf(his, 'Elsewhere').getByText('2 unread').waitFor()
    expect(await rowOf(hers, 'Elsewhere').getByText('unread').count()).toBe(0)
    // What she has written on another device is not news to her, wherever nobody looks.
    await wire.rpc.message.send({ id: newId(), conversationId: quiet, text: 'Said on the way', kind: 'note', replyId: newId() })
    await rowOf(his, 'Quiet').getByText('1 unread').waitFor()
    await rowOf(hers, 'Quiet').getByText('Said on the way').waitFor()
    await eventually(async () => (await rowOf(hers, 'Quiet').getByText('unread').count()) === 0)
    await button(phoneOfHis, 'Show the list').click()
    await rowOf(phoneOfHis, 'Elsewhere').getByText('2 unread').waitFor()

    await rowOf(his, 'Elsewhere').getByRole('link').click()
    await readsAs(notes(his).last(), 'two')
    await eventually(async () => (await rowOf(phoneOfHis, 'Elsewhere').getByText('unread').count()) === 0)
    await rowOf(his, 'Nearby').getByRole('link').click()
    await his.getByRole('heading', { level: 1, name: 'Nearby' }).waitFor()
    expect(await rowOf(his, 'Elsewhere').getByText('unread').count()).toBe(0)
    await close(hers, his, phoneOfHis)
  }, 60_000)
})

test('somebody who may only read sees a line instead of the composer, and nothing to press', async () => {
  const id = await room('Read along', [vera, 'viewer'])
  const hers = await open(ada, id)
  const reads = await open(vera, id, phone())
  await reads.getByText('You can read along here.').waitFor()
  expect(await composer(reads).count()).toBe(0)
  const answer = await ask(hers, 'Anything')
  await answer.write('Something')
  await readsAs(reply(reads, 'streaming'), 'Something')
  await say(hers, 'Next')
  await reply(reads, 'queued').getByText('next in line').waitFor()
  for (const name of ['Stop', 'Cancel', 'Withdraw', 'Rename', 'Invite']) expect(await button(reads, name).count(), name).toBe(0)
  await button(hers, 'Stop').click()
  await reply(reads, 'stopped').waitFor()
  expect(await button(log(reads), 'Continue').count()).toBe(0)
  await reads.keyboard.press('Control+k')
  const palette = reads.getByRole('dialog', { name: 'Search' })
  await palette.getByRole('option', { name: 'People in this conversation' }).waitFor()
  for (const name of ['Invite people', 'Model and rules', 'Answer once more'])
    expect(await palette.getByRole('option', { name }).count(), name).toBe(0)
  await close(hers, reads)
}, 60_000)

test('what was used is shown by day, person, room and model, and adds up', async () => {
  const id = await room('Counted')
  const hers = await open(ada, id)
  await say(hers, 'Count this')
  await reply(hers, 'complete').waitFor()
  await button(hers, 'Usage').click()
  const panel = hers.getByRole('dialog', { name: 'Usage' })
  await panel.getByText('Counted').waitFor()
  const { rows } = await wire.rpc.usage.report({ days: 30 })
  const total = rows.reduce((sum, row) => sum + row.total, 0)
  expect(total).toBeGreaterThan(0)
  for (const title of ['Rooms', 'Models']) {
    const amounts = await panel.locator('.usage-sums', { hasText: title }).locator('.digits').allTextContents()
    expect(
      amounts.reduce((sum, amount) => sum + Number(amount.replaceAll(/\D/g, '')), 0),
      title,
    ).toBe(total)
  }
  // Its styles have come with it.
  expect(
    await panel
      .locator('.plot-bar')
      .first()
      .evaluate((bar) => getComputedStyle(bar).fill),
  ).not.toBe('rgb(0, 0, 0)')
  await close(hers)
}, 60_000)
