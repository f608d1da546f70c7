import { afterAll, beforeAll, expect, test } from 'bun:test'
import { LIMITS, newId } from '#contract'
import { cutAt, cutInside, inBatches } from '../support/attack-pieces.ts'
import { seed, setStage, type Stage } from '../support/attack-stage.ts'
import { makeAttacks } from '../support/attacks.ts'
import { eachCalmly } from '../support/calmly.ts'
import { dice } from '../support/dice.ts'
import { eventually } from '../support/eventually.ts'
import { articles, createRoom, online, openRoom, prompts, reply, say } from '../support/room-page.ts'

const SEED = seed()
const attacks = makeAttacks(SEED)
const chance = dice(SEED)

/** So many attacks in one message. */
const TOGETHER = 40
/** So many messages and their replies are one page of a share, and of a room. */
const PER_ROOM = 12
/** Replies that are cut between all characters. */
const CUT_EVERYWHERE = 40
const ALONE_ROOMS = 6

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
}, 60_000)
afterAll(() => stage?.stop(), 30_000)

/** Asks with a text and streams the pieces as the reply; each is shown on both pages before the next is sent. */
async function exchange(conversationId: string, prompt: string | null, pieces: readonly string[]): Promise<void> {
  const { app, emulator, reader, watch, wire } = stage
  const replyId = newId()
  wire.frames.length = 0
  emulator.script.push(async (answer) => {
    let units = 0
    for (const piece of pieces) {
      await answer.write(piece)
      units += piece.length
      await watch.shown([app, reader], replyId, units)
    }
    await answer.finish()
  })
  await wire.rpc.message.send({ id: newId(), conversationId, text: prompt ?? 'Go on', kind: 'prompt', replyId })
  const { text } = await wire.hearEnd(replyId, 60_000)
  expect(text).toBe(pieces.join('').toWellFormed().replaceAll('\0', '\uFFFD'))
  for (const page of [app, reader]) await page.locator(`article[data-message-id="${replyId}"][data-state="complete"]`).waitFor()
}

/** The same room once more: from what the app has stored, and as the server prints it for a reader without scripts. */
async function readAgain(url: string, count: number): Promise<void> {
  const { app, reader, watch, withoutScripts } = stage
  await Promise.all([app.reload(), reader.reload()])
  await online(app)
  await eventually(async () => (await articles(app).count()) === count, 30_000)
  await watch.audit(app)
  await watch.audit(reader)
  await withoutScripts(url, count)
}

test('there are enough attacks, all different, and each does something of its own', () => {
  console.log(`${attacks.length} attacks, ${attacks.filter(({ kind }) => kind === 'leak').length} of them only ask for something`)
  expect(new Set(attacks.map(({ text }) => text)).size).toBeGreaterThanOrEqual(2_000)
  expect(attacks.filter(({ kind }) => kind === 'leak').length).toBeGreaterThanOrEqual(200)
})

test('all of them as prompts and as replies, each cut into pieces, in the app and on a shared page', async () => {
  const { app, openBoth, reader, watch } = stage
  const batches = inBatches(attacks, TOGETHER)
  const pieces = batches.map((batch) => cutInside(batch, chance))
  for (let from = 0; from < batches.length; from += PER_ROOM) {
    const { id, url } = await openBoth('Attacks')
    const here = batches.slice(from, from + PER_ROOM)
    for (const [index, { text }] of here.entries()) await exchange(id, text, pieces[from + index] ?? [])
    await readAgain(url, here.length * 2)
    watch.expectNothing()
  }
  const count = pieces.reduce((sum, { length }) => sum + length, 0)
  console.log(`${batches.length} messages in ${count} pieces`)
  // Blank ones and addresses of references change nothing that can be seen.
  for (const page of [app, reader]) expect(watch.changes(page)).toBeGreaterThan(count * 0.9)
}, 300_000)

test('some of them begin a reply, and are cut everywhere', async () => {
  const { openBoth, watch } = stage
  const short = attacks.filter(({ text }) => text.length >= 15 && text.length <= 60)
  const picked = new Set(short.slice(0, CUT_EVERYWHERE / 2))
  while (picked.size < CUT_EVERYWHERE) picked.add(chance.pick(short))
  const replies = [...picked].map(({ text }) =>
    cutAt(
      text,
      Array.from(text, (_, at) => at),
    ),
  )
  for (let from = 0; from < replies.length; from += PER_ROOM) {
    const { id, url } = await openBoth('Cut everywhere')
    const here = replies.slice(from, from + PER_ROOM)
    for (const pieces of here) await exchange(id, null, pieces)
    await readAgain(url, here.length * 2)
  }
  watch.expectNothing()
}, 120_000)

test('some of them are a message of their own: of others, and written here', async () => {
  const { app, server, watch, wire, wires } = stage
  for (let count = 0; count < ALONE_ROOMS; count++) {
    const id = await createRoom(wire)
    await openRoom(app, server, id)
    const alone = Array.from({ length: LIMITS.pageRows - 2 }, () => chance.pick(attacks))
    await eachCalmly(wires, alone, (socket, { text }) =>
      socket.rpc.message.send({ id: newId(), conversationId: id, text, kind: 'note', replyId: newId() }),
    )
    await eventually(async () => (await articles(app).count()) === alone.length)
    const written = chance.pick(attacks.filter(({ text }) => text.trim() !== ''))
    await say(app, written.text)
    await prompts(app, 'sent').first().waitFor()
    await reply(app, 'complete').first().waitFor()
    await watch.audit(app)
  }
  watch.expectNothing()
}, 60_000)

test('the browser’s own log of the network knows of no attacker', async () => {
  expect(await stage.watch.close()).toEqual([])
}, 30_000)
