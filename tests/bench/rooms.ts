import { SQL } from 'bun'
import type { Page } from 'playwright'
import { DESKTOP, launch, signIn } from '../support/browser.ts'
import { enter } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { online } from '../support/room-page.ts'
import { startServer } from '../support/server.ts'
import { quantile } from './figures.ts'

const AT_ONCE = 200
const THROTTLE = 4
const FRAMES = 120
const STEP_PX = 200
/** A first list of ten thousand rooms is fetched and stored within this. */
const FIRST_MS = 120_000

type Scrolled = { longestTaskMs: number; longestFrameMs: number }
type Round = { firstMs: number; plainFirstMs: number; scroll: Scrolled; plainScroll: Scrolled }

/**
 * The list of rooms with so many in the store: how long its first rows take after its frame stands, and what scrolling costs at a quarter of the
 * processor; beside a plain list of the same rows, read, sorted and drawn all at once, in the same page.
 */
export async function roomList({ rooms, rounds }: { rooms: number; rounds: number }): Promise<string> {
  const [postgres, browser] = await Promise.all([startPostgres(), launch()])
  const server = await startServer({ env: { DATABASE_URL: postgres.url } })
  const ada = await enter(server)
  await fill(postgres.url, ada.person.id, rooms)
  const context = await browser.newContext({ viewport: DESKTOP })
  await signIn(context, server, ada.cookie)
  const first = await context.newPage()
  await first.goto(server.url)
  await online(first)
  await first.locator('.rooms-list li').nth(10).waitFor({ timeout: FIRST_MS })
  await first.close()
  const results: Round[] = []
  for (let round = 0; round < rounds; round++) {
    const page = await context.newPage()
    await page.addInitScript(watchRows)
    await page.goto(server.url)
    await online(page)
    const firstMs = await page.evaluate(() => Number(document.documentElement.dataset.firstRowsMs))
    const throttle = await context.newCDPSession(page)
    await throttle.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE })
    const scroll = await scrolled(page, '.rooms-list')
    await throttle.send('Emulation.setCPUThrottlingRate', { rate: 1 })
    const plainFirstMs = await page.evaluate(drawAll, ada.person.id)
    await throttle.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE })
    const plainScroll = await scrolled(page, '.plain-list')
    results.push({ firstMs, plainFirstMs, scroll, plainScroll })
    await page.close()
  }
  await browser.close()
  await server.stop()
  await postgres.stop()
  const median = (of: (round: Round) => number) => Math.round(quantile(results.map(of), 0.5))
  return [
    `${rooms} rooms in the list, ms (medians of ${rounds} rounds): Confab, a plain list of all rows`,
    `first rows               ${median((round) => round.firstMs)}, ${median((round) => round.plainFirstMs)}`,
    `scrolling at ${THROTTLE}× throttle: longest task  ${median((round) => round.scroll.longestTaskMs)}, ${median((round) => round.plainScroll.longestTaskMs)} (0: none of 50 or more)`,
    `scrolling at ${THROTTLE}× throttle: longest frame ${median((round) => round.scroll.longestFrameMs)}, ${median((round) => round.plainScroll.longestFrameMs)}`,
  ].join('\n')
}

async function fill(url: string, personId: string, rooms: number): Promise<void> {
  const sql = new SQL(url, { max: 1 })
  for (let from = 1; from <= rooms; from += AT_ONCE) {
    await sql`with made as (
      insert into conversation (id, revision, title, created_by, updated_at, changed, last_name, last_text)
      select gen_random_uuid(), 1, 'Room number ' || n, ${personId}, now() - make_interval(mins => n * 30), pg_current_xact_id(), 'Ada', 'The last words of room ' || n
      from generate_series(${from}::int, ${from + AT_ONCE - 1}::int) n returning id
    ) insert into member (conversation_id, person_id, role, changed) select id, ${personId}, 'owner', pg_current_xact_id() from made`
  }
  await sql.close()
}

/** Runs in the page, before everything else: how long the first rows take after the frame of the list. */
function watchRows(): void {
  let framedAt = 0
  new MutationObserver((_, observer) => {
    if (framedAt === 0 && document.querySelector('.rooms-head')) framedAt = performance.now()
    if (!document.querySelector('.rooms-list .row-title')) return
    observer.disconnect()
    document.documentElement.dataset.firstRowsMs = String(performance.now() - framedAt)
  }).observe(document, { childList: true, subtree: true })
}

/** Runs in the page: a list that reads all rows, sorts them and draws them; how long that takes, in milliseconds. */
async function drawAll(personId: string): Promise<number> {
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.addEventListener('success', () => resolve(request.result))
      request.addEventListener('error', () => reject(new Error(String(request.error))))
    })
  const startedAt = performance.now()
  const database = await done(indexedDB.open(`confab-${personId}`))
  const rows: { id: string; title: string; updatedAt: number; last: { name: string; text: string } | null }[] = await done(
    database.transaction('conversations').objectStore('conversations').getAll(),
  )
  database.close()
  const list = document.createElement('div')
  list.className = 'rooms-list plain-list'
  for (const { id, title, last } of rows.sort((one, other) => other.updatedAt - one.updatedAt)) {
    const row = document.createElement('div')
    row.className = 'row'
    row.style.position = 'relative'
    const link = document.createElement('a')
    link.className = 'row-open'
    link.href = `/c/${id}`
    const [name, line] = [document.createElement('span'), document.createElement('span')]
    name.className = 'row-title'
    name.textContent = title
    line.className = 'row-line'
    line.textContent = `${last?.name}: ${last?.text}`
    link.append(name, line)
    row.append(link)
    list.append(row)
  }
  document.querySelector('.rooms-list')?.replaceWith(list)
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
  return performance.now() - startedAt
}

/** Scrolls through a list, one step in every frame. */
function scrolled(page: Page, list: string): Promise<Scrolled> {
  return page.evaluate(
    async ({ selector, frames, stepPx }) => {
      const element = document.querySelector(selector)
      if (!element) throw new Error(`There is no ${selector}`)
      const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve))
      let longestTaskMs = 0
      const observer = new PerformanceObserver((entries) => {
        for (const { duration } of entries.getEntries()) longestTaskMs = Math.max(longestTaskMs, duration)
      })
      element.scrollTop = 0
      for (let index = 0; index < 10; index++) await frame()
      observer.observe({ type: 'longtask' })
      let longestFrameMs = 0
      let before = await frame()
      for (let index = 0; index < frames; index++) {
        element.scrollTop += stepPx
        const now = await frame()
        longestFrameMs = Math.max(longestFrameMs, now - before)
        before = now
      }
      await frame()
      observer.disconnect()
      return { longestTaskMs, longestFrameMs }
    },
    { selector: list, frames: FRAMES, stepPx: STEP_PX },
  )
}
