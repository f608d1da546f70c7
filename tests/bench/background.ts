import type { CDPSession, Page } from 'playwright'
import { createRoom, openRoom, reply, say } from '../support/room-page.ts'
import { answerText, feelStage, writeSteadily } from './feel-room.ts'
import { quantile } from './figures.ts'

const TABS = 3
const UNITS = 8_000
const PIECE = 80
const EVERY_MS = 25

/**
 * What it costs the tab in view that others of the same room are open behind it while an answer is written: the processor time of its own page, with
 * and without them, and theirs. Headless Chromium hides no page by itself: those in the background are told to be, and get no frames.
 */
export async function background(options: { rounds: number }): Promise<string> {
  const stage = await feelStage()
  try {
    const alone: number[] = []
    const beside: number[] = []
    const others: number[] = []
    for (let round = 0; round <= options.rounds; round++) {
      for (const tabs of [0, TABS]) {
        const id = await createRoom(stage.wire)
        const hidden = await Promise.all(
          Array.from({ length: tabs }, async () => hide(await openRoom(await stage.context.newPage(), stage.server, id))),
        )
        const page = await openRoom(await stage.context.newPage(), stage.server, id)
        await page.bringToFront()
        const sessions = await Promise.all([page, ...hidden].map((each) => stage.context.newCDPSession(each)))
        const before = await Promise.all(sessions.map(taskMs))
        await say(page, `[[hand]] ${round} ${tabs}`)
        const answer = await stage.emulator.next()
        await writeSteadily(answer, answerText(UNITS), PIECE, EVERY_MS)
        await reply(page, 'complete').waitFor()
        const spent = (await Promise.all(sessions.map(taskMs))).map((after, index) => after - (before[index] ?? 0))
        if (round > 0) {
          ;(tabs === 0 ? alone : beside).push(spent[0] ?? 0)
          if (tabs > 0) others.push(spent.slice(1).reduce((sum, ms) => sum + ms, 0))
        }
        for (const each of [page, ...hidden]) await each.close()
      }
    }
    const [a, b, c] = [alone, beside, others].map((list) => quantile(list, 0.5))
    if (a === undefined || b === undefined || c === undefined) throw new Error('three figures')
    return [
      `${TABS} tabs in the background while an answer of ${UNITS / 4} tokens is written, ms of the pages' own work: median of ${options.rounds}`,
      `  the visible tab alone (baseline) ${a.toFixed(0)}, with them ${b.toFixed(0)}: ${(((b - a) / a) * 100).toFixed(0)} % more (aim 10); all of them together ${c.toFixed(0)}`,
    ].join('\n')
  } finally {
    await stage.stop()
  }
}

/** As a browser does with a page that is not in view: it is told, and gets no frames any more. */
async function hide(page: Page): Promise<Page> {
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })
    Object.defineProperty(document, 'hidden', { get: () => true })
    globalThis.requestAnimationFrame = () => 0
    document.dispatchEvent(new Event('visibilitychange'))
  })
  return page
}

/** Processor time of a page's main thread so far. */
async function taskMs(session: CDPSession): Promise<number> {
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const { metrics } = await session.send('Performance.getMetrics')
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1_000
}
