import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { BrowserContextOptions, Locator, Page } from 'playwright'
import { LIMITS, newId } from '#contract'
import { calmly } from '../support/calmly.ts'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { createRoom, openRoom, reply, say } from '../support/room-page.ts'

/** Whose context is full. */
const { emulator, server, browser, wire, stop } = await setBrowserStage()
let fullRoom: string

beforeAll(async () => {
  await wire.rpc.model.list({})
  fullRoom = await createRoom(wire, 'A long talk')
  await wire.join(fullRoom)
  const page = 'x'.repeat(LIMITS.messageLength - 30) + ' [[chunks=1 every=0]]'
  for (let count = 0; count < 14; count++) {
    const text = count === 13 ? '[[echo]] And now?' : page
    const replyId = newId()
    await calmly(() => wire.rpc.message.send({ id: newId(), conversationId: fullRoom, text, kind: 'prompt', replyId }))
    if (count === 13) await wire.hearEnd(replyId)
  }
}, 60_000)
afterAll(stop, 30_000)

const settings = (page: Page) => page.getByRole('dialog', { name: 'Model and rules' })

async function openSettings(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Model and rules' }).click()
  return settings(page)
}

async function close(page: Page): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
}

async function choose(page: Page, opener: Locator, model: string): Promise<void> {
  await opener.click()
  await page.getByRole('option', { name: new RegExp(`^${model} ?reads`) }).click()
}

const devices: [name: string, options: BrowserContextOptions][] = [
  ['a desktop', { viewport: DESKTOP, colorScheme: 'light' }],
  ['a phone', { ...phone(), colorScheme: 'dark' }],
]

for (const [name, options] of devices) {
  test(`on ${name} a room gets its model, its instructions and its warmth, and shows what the model thought`, async () => {
    const context = await signedInContext(browser, server, options)
    const page = await context.newPage()
    const seen = watch(page, server)
    const id = await createRoom(wire, `Settings on ${name}`)
    await openRoom(page, server, id)

    const panel = await openSettings(page)
    await choose(page, panel.getByRole('button', { name: /^Model Gemini Flash Latest/ }), 'Gemini 3.5 Flash-Lite')
    await panel.getByRole('button', { name: 'Model Gemini 3.5 Flash-Lite' }).waitFor()
    await panel.getByText('reads 1 M tokens').waitFor()
    await panel.getByLabel('Thinking').selectOption({ label: 'A lot' })
    await panel.getByRole('slider', { name: 'Temperature' }).fill('0.4')
    await panel.getByRole('textbox', { name: 'Instructions' }).fill('Answer in rhymes.')
    await panel.getByRole('button', { name: 'Save for other rooms…' }).click()
    await panel.getByRole('textbox', { name: 'Name' }).fill(`Rhymes on ${name}`)
    await panel.getByRole('button', { name: 'Save', exact: true }).click()
    await panel.getByText(`Rhymes on ${name}`, { exact: true }).waitFor()
    await panel.getByRole('button', { name: 'Use in this room' }).click()
    expect(await objections(page)).toEqual([])
    await close(page)

    await say(page, `A poem on ${name} [[thoughts every=1]]`)
    await reply(page, 'complete').waitFor()
    const { body } = await emulator.waitForRequest(({ prompt }) => prompt.includes(`A poem on ${name}`))
    expect(body).toMatchObject({
      systemInstruction: { parts: [{ text: 'Answer in rhymes.' }] },
      generationConfig: { temperature: 0.4, thinkingConfig: { thinkingLevel: 'HIGH' } },
    })
    const fold = reply(page).getByText(/^Thought for \d+ s$/)
    await fold.waitFor()
    expect(await reply(page).getByText('Reading the question').isVisible()).toBe(false)
    await fold.click()
    await reply(page).getByText('Reading the question').waitFor()
    expect(await objections(page)).toEqual([])

    await page.getByRole('button', { name: /^\d+ tokens$/ }).click()
    await reply(page)
      .getByText(/gemini-3.5-flash-lite · \d+ read · \d+ written · \d+ of them to think/)
      .waitFor()

    const again = await openSettings(page)
    await again.getByRole('button', { name: 'Model Gemini 3.5 Flash-Lite' }).waitFor()
    await again.getByText('Answered').scrollIntoViewIfNeeded()
    await again.getByRole('meter', { name: 'Context' }).waitFor()
    const forget = again.getByRole('button', { name: `Delete Rhymes on ${name}` })
    await forget.click()
    await forget.waitFor({ state: 'detached' })
    await again.getByRole('button', { name: 'Undo' }).click()
    await forget.click()
    await again.getByText(`“Rhymes on ${name}” is deleted.`).waitFor()
    await again.getByText(`Rhymes on ${name}`, { exact: true }).waitFor({ state: 'detached' })
    // In another room it is the server's model that answers, as before.
    const other = await createRoom(wire)
    await openRoom(page, server, other)
    await (await openSettings(page)).getByText('the server’s default').waitFor()
    seen.expectQuiet()
    await context.close()
  }, 60_000)
}

for (const [name, options] of devices) {
  test(`on ${name} thoughts are shown while the model thinks, another model can be asked, and what was left out is said`, async () => {
    const context = await signedInContext(browser, server, options)
    const page = await context.newPage()
    const seen = watch(page, server)
    const id = await createRoom(wire, `Thoughts on ${name}`)
    await openRoom(page, server, id)
    await say(page, `Slowly on ${name} [[hand]]`)
    const answer = await emulator.next({ prompt: `Slowly on ${name}` })
    await answer.thought('**Weighing both sides**\n\nThere is much to be said.')
    await reply(page).getByText('Weighing both sides', { exact: true }).click()
    await reply(page).getByText('There is much to be said.').waitFor()
    await answer.thought('**Deciding**\n\nSoon.')
    await reply(page).getByText('Deciding', { exact: true }).first().waitFor()
    expect(await objections(page)).toEqual([])
    // Who comes in the middle sees them, too.
    await page.reload()
    await reply(page).getByText('Deciding', { exact: true }).waitFor()
    await answer.write('Both are right.')
    await answer.finish()
    await reply(page, 'complete').waitFor()
    await reply(page)
      .getByText(/^Thought for \d+ s$/)
      .click()
    await reply(page).getByText('There is much to be said.').waitFor()

    await reply(page).getByRole('button', { name: 'More' }).click()
    await choose(page, page.getByRole('menuitem', { name: 'Ask another model…' }), 'Gemini 3.8 Flash')
    const second = await emulator.next({ prompt: `Slowly on ${name}` })
    expect(second.request.model).toBe('gemini-3.8-flash')
    await second.write('Neither is.')
    await second.finish()
    await reply(page, 'complete').getByText('Neither is.').waitFor()
    await reply(page).getByText('2 / 2').waitFor()

    await openRoom(page, server, fullRoom)
    await page.getByText('context full').waitFor()
    await reply(page).last().getByText('Left out 8 earlier messages').waitFor()
    const panel = await openSettings(page)
    await panel.getByText('Full: the model was asked without the 8 oldest messages.').waitFor()
    expect(await panel.getByRole('meter', { name: 'Context' }).getAttribute('value')).toBe('100')
    seen.expectQuiet()
    await context.close()
  }, 60_000)
}

test('a model is found by keys', async () => {
  const context = await signedInContext(browser, server, { viewport: DESKTOP })
  const page = await context.newPage()
  await openRoom(page, server, await createRoom(wire))
  const panel = await openSettings(page)
  const opener = panel.getByRole('button', { name: /^Model / })
  await opener.click()
  const box = page.getByRole('combobox', { name: 'Find a model' })
  await box.fill('pro')
  expect(await page.getByRole('listbox', { name: 'Models' }).getByRole('option').allInnerTexts()).toHaveLength(2)
  expect(await objections(page)).toEqual([])
  await box.press('ArrowDown')
  await box.press('Enter')
  await panel.getByRole('button', { name: 'Model Gemini 3.1 Pro Preview' }).waitFor()
  await eventually(() => opener.evaluate((element) => element === document.activeElement))
  await opener.click()
  await box.fill('no such')
  await page.getByText('No model is called “no such”.').waitFor()
  await box.press('Escape')
  await box.waitFor({ state: 'hidden' })
  expect(await panel.isVisible()).toBe(true)
  await context.close()
}, 30_000)

test('offline the models and the saved instructions are those that were known', async () => {
  const context = await signedInContext(browser, server, { viewport: DESKTOP })
  const page = await context.newPage()
  await wire.rpc.preset.save({ id: crypto.randomUUID(), name: 'Kept', text: 'Be brief.' })
  await openRoom(page, server, await createRoom(wire))
  await (await openSettings(page)).getByText('Kept', { exact: true }).waitFor()
  await close(page)
  await context.setOffline(true)
  const panel = await openSettings(page)
  await panel.getByRole('button', { name: 'Use Kept' }).click()
  expect(await panel.getByRole('textbox', { name: 'Instructions' }).inputValue()).toBe('Be brief.')
  await panel.getByRole('button', { name: /^Model / }).click()
  await eventually(async () => (await page.getByRole('dialog', { name: 'Model', exact: true }).getByRole('option').count()) > 5)
  await context.close()
}, 30_000)
