import { SQL } from 'bun'
import type { Page } from 'playwright'
import { LIMITS, newId } from '#contract'
import { launch, signedInContext } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { enter } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { articles, composer, createRoom, log, openRoom, reply } from '../support/room-page.ts'
import { startServer } from '../support/server.ts'
import { quantile } from './figures.ts'
import { startHelper } from './processes.ts'

type Options = { readonly rounds: number; readonly keys: number; readonly messages: number }

/** More than may be sent: what is too long still has to be shortened. */
const TOO_LONG = 100_000
const KEY_EVERY_MS = 60
/** An answer that is written for as long as anybody types. */
const LONG_ANSWER = 'How does it work? [[units=400000 chunks=16000 every=20]]'
const SAID = 'We looked at **this** before: `a` and `b` are the same thing.\n\n- first\n- second\n\n```ts\nconst answer = 42\n```\n'

/**
 * From a key to the picture that shows it, as the page itself sees it: in an empty room where nothing happens, which is what there is to be
 * compared with, and where there is more to do. In turns.
 */
export async function typing({ rounds, keys, messages }: Options): Promise<string> {
  const emulator = startHelper('support/emulator-command.ts', [], { PORT: '0' })
  const [, upstream = ''] = await emulator.line(/ready at (\S+)/)
  const postgres = await startPostgres()
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: upstream, DATABASE_URL: postgres.url } })
  const browser = await launch()
  const stops: (() => Promise<unknown>)[] = []
  try {
    const { cookie, person } = await enter(server)
    const wire = await connect(server, cookie)
    const empty = await createRoom(wire, 'Empty')
    const full = await createRoom(wire, 'Full')
    await fill(postgres.url, full, person.id, messages)
    const context = await signedInContext(browser, server)
    const page = await context.newPage()
    const cases: [name: string, ready: () => Promise<unknown>][] = [
      ['an empty room, idle', () => visit(page, server, empty, '')],
      [`${messages} messages, a reply streams`, () => answered(page, server, wire, full, '')],
      [`the same, ${TOO_LONG} characters in the box`, () => answered(page, server, wire, full, longText(TOO_LONG))],
      [`empty, ${LIMITS.messageLength} characters in the box`, () => visit(page, server, empty, longText(LIMITS.messageLength - 1000))],
      [`empty, ${TOO_LONG} in one line`, () => visit(page, server, empty, 'word '.repeat(TOO_LONG / 5))],
    ]
    const times = cases.map(() => new Array<number>())
    for (let round = 0; round < rounds; round++) {
      for (const [index, [, ready]] of cases.entries()) {
        await ready()
        times[index]?.push(...(await typed(page, keys)))
      }
    }
    const base = times[0] ?? []
    return [
      `Typing: ms from a key to its picture (${rounds} rounds of ${keys} keys in turns): median, p95, longest; median against the first`,
      ...cases.map(([name], index) => line(name, times[index] ?? [], base)),
    ].join('\n')
  } finally {
    for (const stop of stops) await stop()
    await browser.close()
    await server.stop()
    await postgres.stop()
    await emulator.kill()
  }
}

function line(name: string, times: readonly number[], base: readonly number[]): string {
  const figures = [0.5, 0.95, 1].map((share) => quantile(times, share).toFixed(1).padStart(8)).join('')
  return `  ${name.padEnd(48)} ${figures}   ×${(quantile(times, 0.5) / quantile(base, 0.5)).toFixed(2)}`
}

function longText(length: number): string {
  return 'A line of a text that was pasted from somewhere else.\n'.repeat(Math.ceil(length / 54)).slice(0, length)
}

/** Prompts and their answers, one after the other, put straight into the database. */
async function fill(url: string, conversationId: string, personId: string, count: number): Promise<void> {
  const sql = new SQL(url, { max: 1 })
  const ids = Array.from({ length: count }, () => newId())
  const rows = ids.map((id, index) => {
    const isReply = index % 2 === 1
    return {
      ...{ id, conversation_id: conversationId, parent_id: ids[index - 1] ?? null, kind: isReply ? 'reply' : 'prompt' },
      ...{ author_id: personId, text: `${SAID}${index}`, position: index + 2, revision: index + 2, state: isReply ? 'complete' : null },
      ...{ model: isReply ? 'gemini-flash-latest' : null },
    }
  })
  for (let from = 0; from < rows.length; from += 500) await sql`insert into message ${sql(rows.slice(from, from + 500))}`
  await sql`update conversation set head_id = ${ids.at(-1) ?? null}, revision = ${count + 2}, changed = pg_current_xact_id() where id = ${conversationId}`
  await sql.close()
}

async function visit(page: Page, server: { url: string }, room: string, text: string): Promise<void> {
  await openRoom(page, server, room)
  await composer(page).fill(text)
  await composer(page).press('Control+End')
}

async function answered(page: Page, server: { url: string }, wire: TestClient, room: string, text: string): Promise<void> {
  await visit(page, server, room, text)
  await articles(page).nth(10).waitFor()
  if ((await reply(page, 'streaming').count()) > 0) return
  await wire.rpc.message.send({ id: newId(), conversationId: room, text: LONG_ANSWER, kind: 'prompt', replyId: newId() })
  await reply(page, 'streaming').waitFor()
  await log(page).waitFor()
}

async function typed(page: Page, keys: number): Promise<number[]> {
  await composer(page).focus()
  await page.evaluate(() => {
    const times: number[] = []
    Object.assign(window, { keyTimes: times })
    const channel = new MessageChannel()
    const pressed: number[] = []
    // A message that is posted in the last moment before a picture is made comes after it.
    channel.port1.addEventListener('message', () => {
      for (const at of pressed.splice(0)) times.push(performance.now() - at)
    })
    channel.port1.start()
    const listen = ({ timeStamp }: Event) => {
      pressed.push(timeStamp)
      requestAnimationFrame(() => channel.port2.postMessage(null))
    }
    addEventListener('keydown', listen, { capture: true })
    Object.assign(window, { stopKeys: () => removeEventListener('keydown', listen, { capture: true }) })
  })
  for (let key = 0; key < keys; key++) {
    await page.keyboard.press(key % 6 === 5 ? 'Space' : 'KeyE')
    await page.waitForTimeout(KEY_EVERY_MS)
  }
  return page.evaluate(() => {
    Reflect.get(window, 'stopKeys')()
    return Reflect.get(window, 'keyTimes')
  })
}
