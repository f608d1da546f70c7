import { SQL } from 'bun'
import { newId } from '#contract'
import { DESKTOP, launch, phone } from './support/browser.ts'
import { connect } from './support/client.ts'
import { startEmulator } from './support/emulator.ts'
import { enter, introduce, type Entered } from './support/people.ts'
import { startPostgres } from './support/postgres.ts'
import { composer, createRoom, openRoom, reply, say } from './support/room-page.ts'
import { startServer } from './support/server.ts'

const OUT = '/tmp/h/V-shots/'
const postgres = await startPostgres()
const emulator = await startEmulator()
const databaseUrl = postgres.url
const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: databaseUrl } })
const browser = await launch()
try {
  const ada = await enter(server, 'Ada Lovelace')
  const [mara, jon, vera, pip] = await Promise.all(['Mara', 'Jon Snow', 'Vera', 'Pip'].map((name) => introduce(databaseUrl, ada, name)))
  const wire = await connect(server, ada.cookie)
  const id = await createRoom(wire, 'Postgres index for the feed')
  const other = await createRoom(wire, 'Trip to Lisbon')
  const sql = new SQL(databaseUrl, { max: 1 })
  const join = async (room: string, who: Entered, role: string) =>
    sql`insert into member (conversation_id, person_id, role, changed) values (${room}, ${who.person.id}, ${role}, pg_current_xact_id())`
  for (const [who, role] of [
    [mara, 'participant'],
    [jon, 'participant'],
    [vera, 'viewer'],
    [pip, 'participant'],
  ] as const)
    if (who) await join(id, who, role)
  if (mara) await join(other, mara, 'participant')
  const page = async (who: Entered, options = {}) => {
    const context = await browser.newContext({ viewport: DESKTOP, ...options })
    const [name = '', ...value] = who.cookie.split('=')
    await context.addCookies([{ name, value: value.join('='), url: server.url, httpOnly: true, sameSite: 'Lax' }])
    return openPage(await context.newPage(), who)
  }
  const openPage = async (page: import('playwright').Page, who: Entered) => {
    page.on('console', (m) => m.type() === 'error' && console.log(who.person.name, m.text()))
    page.on('pageerror', (e) => console.log(who.person.name, e.message))
    await page.goto(`${server.url}/c/${id}`)
    await page.locator('[role="status"][data-connection="online"]').waitFor({ state: 'attached' })
    return page
  }
  if (!mara || !jon || !vera || !pip) throw new Error()
  const a = await page(ada)
  const m = await page(mara, { colorScheme: 'dark' })
  const j = await page(jon, phone())
  const v = await page(vera, { ...phone(), colorScheme: 'dark' })
  emulator.script.push((answer) =>
    answer
      .write(
        'A composite b-tree in the order you **filter**, then sort:\n\n```sql\ncreate index concurrently posts_author_recent on posts (author_id, created_at desc);\n```\n\n- Equality columns first.\n- The sort column last.',
      )
      .then(() => answer.finish()),
  )
  await say(a, 'The feed query got slow at 2M rows. It filters by `author_id` and sorts by `created_at desc`. Which index?')
  await reply(a, 'complete').waitFor()
  await m.getByRole('button', { name: 'Note' }).click()
  await say(m, 'Between us: Jon, can you check the size of that table before we run this?')
  await m.screenshot({ path: OUT + 'dark-noting.png' })
  await m.getByRole('button', { name: 'Note' }).click()
  await say(m, 'We also have soft deletes. Should `deleted_at is null` go in? [[hand]]')
  const answer = await emulator.next({ prompt: 'soft deletes' })
  await answer.write('Yes, as a **partial index**. Rows that are deleted never enter it, so it stays small and every page of the feed is')
  await reply(a, 'streaming').getByText('partial index').waitFor()
  await say(j, 'And how do I keep it small? [[hand]]')
  await say(a, 'And what happens to the planner if we also paginate by id? [[hand]]')
  await say(a, 'One more thing [[hand]]')
  await composer(m).pressSequentially('Hmm, ')
  await composer(a).fill('What about BRIN?')
  await a.waitForTimeout(1500)
  await composer(m).pressSequentially('and')
  await a.waitForTimeout(300)
  await wire.rpc.message.send({ id: newId(), conversationId: other, text: 'tram 28?', kind: 'note', replyId: newId() })
  const mw = await connect(server, mara.cookie)
  await mw.rpc.message.send({ id: newId(), conversationId: other, text: 'What about the tram 28?', kind: 'note', replyId: newId() })
  await mw.rpc.message.send({ id: newId(), conversationId: other, text: 'Or walking?', kind: 'note', replyId: newId() })
  await a.waitForTimeout(600)
  await a.screenshot({ path: OUT + 'light-desktop.png' })
  await m.screenshot({ path: OUT + 'dark-desktop.png' })
  await j.screenshot({ path: OUT + 'light-phone.png' })
  await v.screenshot({ path: OUT + 'dark-phone-viewer.png' })
  await wire.rpc.conversation.update({ id, answer: 'mention' })
  await composer(j).fill('Does that hold?')
  await composer(a).fill('')
  await a.waitForTimeout(600)
  await a.getByRole('log').evaluate((x) => x.scrollTo(0, 0))
  await a.waitForTimeout(300)
  await a.screenshot({ path: OUT + 'light-desktop-top.png' })
  await j.screenshot({ path: OUT + 'light-phone-mention.png' })
  console.log('people', JSON.stringify((await wire.rpc.conversation.join({ id, since: 0, limit: 1 })).people))
} finally {
  await browser.close()
  await server.stop()
  await emulator.stop()
  await postgres.stop()
}
