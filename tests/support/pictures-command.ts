import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright'
import { DESKTOP, launch, PHONE, phone } from './browser.ts'
import { connect, type TestClient } from './client.ts'
import { startEmulator } from './emulator.ts'
import { comeIn, enter, type Entered, inviteTo } from './people.ts'
import { stillness } from './pictures.ts'
import { composer, createRoom, openRoom, reply, say, typeUntil } from './room-page.ts'
import { startServer } from './server.ts'

/*
 * `bun run pictures`: the pictures of README.md, of the product as it runs, with three people in a room and the emulator as the model.
 */

const FOLDER = join(import.meta.dirname, '../../.github')
/** So much that the question and its answer are both to be seen. */
const TALL = { ...DESKTOP, height: 900 }
const QUESTION = 'We are six on Sunday and eat at one. When do I have to begin with the bread?'
const PLAN = `Count back from lunch, for two loaves of sourdough:

| When | What |
| --- | --- |
| Saturday, 18:00 | Feed the starter |
| 21:00 | Mix flour, water and starter, salt it later, fold it **four times** |
| overnight | Let it rise in the fridge |
| Sunday, 10:15 | Bake: 25 minutes with the lid, 20 without |

It has to cool for an hour, so at noon it can be cut.`
const KITCHEN = 'Our kitchen has 17 °C. Does that change anything?'
const COLD =
  'A little: at **17 °C** the dough needs about half as long again before the fridge. Begin with the starter at 16:00, and trust your eyes more than the clock: it is ready when it has grown by half and'

const emulator = await startEmulator({ manual: true })
const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
const browser = await launch()

async function pageOf({ cookie }: Entered, room: string, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const [name = '', ...value] = cookie.split('=')
  await context.addCookies([{ name, value: value.join('='), url: server.url, httpOnly: true, sameSite: 'Lax' }])
  return openRoom(await context.newPage(), server, room)
}

async function take(page: Page, name: string): Promise<void> {
  await stillness(page)
  const path = join(FOLDER, `${name}.png`)
  await page.screenshot({ path, caret: 'hide' })
  console.log(`${path}: ${Math.round(Bun.file(path).size / 1_000)} kB`)
}

async function otherRooms(wire: TestClient): Promise<void> {
  for (const [title, note, arranged] of [
    ['House rules and prompts', 'keep answers under a page', { pin: 1 }],
    ['Letter to the landlord', 'make it two paragraphs', { tags: ['letters'] }],
    ['Night train to Vienna', 'the tickets are in the drawer', { tags: ['travel'] }],
  ] as const) {
    const id = await createRoom(wire, title)
    await wire.rpc.message.send({ id: crypto.randomUUID(), conversationId: id, text: note, kind: 'note', replyId: crypto.randomUUID() })
    await wire.rpc.conversation.arrange({ id, ...('tags' in arranged ? { tags: [...arranged.tags] } : arranged) })
  }
}

try {
  const sana = await enter(server, 'Sana')
  const wire = await connect(server, sana.cookie)
  await otherRooms(wire)
  const room = await createRoom(wire, 'Bread for Sunday')
  const { token } = await inviteTo(wire, room, { label: 'Family' })
  await inviteTo(wire, room, { role: 'viewer', label: 'Neighbours', lastsMs: 86_400_000 })
  const [mara, jon] = [await comeIn(server, token, 'Mara'), await comeIn(server, token, 'Jon')]
  const hers = await pageOf(sana, room, { viewport: TALL })
  const maras = await pageOf(mara, room, { viewport: TALL, colorScheme: 'dark' })
  const jons = await pageOf(jon, room, { ...phone(), viewport: { ...PHONE, height: 720 } })

  await say(hers, QUESTION)
  const plan = await emulator.next({ prompt: QUESTION })
  await plan.write(PLAN)
  await plan.finish()
  await reply(hers, 'complete').waitFor()
  await say(maras, KITCHEN)
  const cold = await emulator.next({ prompt: KITCHEN })
  await cold.write(COLD)
  for (const page of [hers, maras, jons]) await reply(page, 'streaming').getByText('grown by half').waitFor()
  await reply(hers, 'streaming').getByText('3 watching').waitFor()
  await composer(jons).fill('Shall I bring')
  await typeUntil([jons], () => hers.getByText('Jon is typing…').isVisible())
  await take(hers, 'room')

  await say(jons, 'Can half of it be rye?')
  await reply(maras, 'queued').getByText('next in line').waitFor()
  await say(jons, '/note I bring the butter')
  await maras.locator('article[data-role="note"]').waitFor()
  await composer(hers).fill('And')
  await typeUntil(
    [hers],
    async () => (await maras.getByText('Sana is typing…').isVisible()) && jons.getByText('Sana is typing…').isVisible(),
  )
  await take(maras, 'room-dark')
  await take(jons, 'room-phone')

  await hers.getByRole('button', { name: 'Invite', exact: true }).click()
  await hers.getByText('Neighbours').waitFor()
  await take(hers, 'invite')
} finally {
  await browser.close()
  await server.stop()
  await emulator.stop()
}
process.exit(0)
