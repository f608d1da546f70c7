import type { CDPSession, Page } from 'playwright'
import { composer, createRoom, openRoom, reply, say } from '../support/room-page.ts'
import { answerText, type FeelStage, feelStage, writeSteadily } from './feel-room.ts'
import { quantile } from './figures.ts'
import { taskTimes } from './tasks.ts'

type Options = { readonly tokens: number; readonly slowdown: number; readonly keys: number }
const UNITS_PER_TOKEN = 4
const PIECE = 80
const EVERY_MS = 25
const KEY_MS = 40
/** What the browser calls a long task. */
const LONG_MS = 50

/**
 * A long answer with code and tables while it is written, and somebody who types meanwhile, on a processor that is slowed down. Long tasks are
 * those of more than 50 ms, as the browser counts them. The baseline of typing is the same page when nothing is written.
 */
export async function writingAnswer(options: Options): Promise<string> {
  const stage = await feelStage()
  try {
    const page = await openRoom(await stage.context.newPage(), stage.server, await createRoom(stage.wire))
    // What is loaded with the first answer is loaded before.
    await say(page, 'Warm up [[code every=1]]')
    await reply(page, 'complete').waitFor()
    const cdp = await stage.context.newCDPSession(page)
    await page.evaluate(watchTasks)
    const limit = LONG_MS / options.slowdown
    let reported = ''
    const tasks = await taskTimes(stage.browser, async () => {
      reported = await answered(stage, page, cdp, options.tokens, 'not slowed down')
    })
    const long = tasks.filter((ms) => ms > limit)
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: options.slowdown })
    const idle = await typed(page, options.keys, () => false)
    const alone = await answered(stage, page, cdp, options.tokens, 'alone')
    const beside: number[] = []
    const typing = await answered(stage, page, cdp, options.tokens, 'with typing', async (over) => {
      beside.push(...(await typed(page, Number.POSITIVE_INFINITY, over)))
    })
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 1 })
    return [
      `An answer of ${options.tokens} tokens, ${(1000 / EVERY_MS).toFixed(0)} chunks a second, at ${options.slowdown}x CPU slowdown`,
      `  not slowed down, by processor time: ${long.length} of ${tasks.length} tasks over ${limit} ms, the longest ${Math.max(...tasks).toFixed(1)} (${quantile(tasks, 0.999).toFixed(1)} at 99.9 %)`,
      `  ${reported}`,
      `  ${alone}`,
      `  ${typing}`,
      `  from a key to the next picture, ms, median and p95: idle (baseline) ${figures(idle)}, while it is written ${figures(beside)}`,
    ].join('\n')
  } finally {
    await stage.stop()
  }
}

async function answered(
  stage: FeelStage,
  page: Page,
  cdp: CDPSession,
  tokens: number,
  name: string,
  meanwhile: (over: () => boolean) => Promise<void> = async () => undefined,
): Promise<string> {
  const before = await reply(page, 'complete').count()
  await say(page, `[[hand]] ${name}`)
  const answer = await stage.emulator.next({ prompt: name })
  await page.evaluate(() => Reflect.set(globalThis, 'longTasks', []))
  const [startedAt, busyBefore] = [performance.now(), await taskSeconds(cdp)]
  let over = false
  const written = writeSteadily(answer, answerText(tokens * UNITS_PER_TOKEN), PIECE, EVERY_MS).then(() => (over = true))
  await Promise.all([written, meanwhile(() => over)])
  await page.waitForFunction((count) => document.querySelectorAll('article[data-state="complete"]').length > count, before, {
    timeout: 60_000,
  })
  const busy = ((await taskSeconds(cdp)) - busyBefore) / ((performance.now() - startedAt) / 1000)
  // Observers hear of a task after its end.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)))
  const tasks: number[] = await page.evaluate(() => Reflect.get(globalThis, 'longTasks'))
  return `${name}: ${tasks.length} tasks over 50 ms${tasks.length > 0 ? ` (longest ${Math.max(...tasks)} ms, median ${quantile(tasks, 0.5)})` : ''}, busy ${(busy * 100).toFixed(0)} % of the time`
}

function watchTasks(): void {
  Reflect.set(globalThis, 'longTasks', [])
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) Reflect.get(globalThis, 'longTasks').push(Math.round(duration))
  }).observe({ entryTypes: ['longtask'] })
}

/** Types until enough keys were pressed or it is over; from the moment of each key to the frame after it. */
async function typed(page: Page, keys: number, over: () => boolean): Promise<number[]> {
  await composer(page).focus()
  await page.evaluate(() => {
    const times: number[] = []
    Reflect.set(globalThis, 'keyTimes', times)
    const listen = ({ timeStamp }: Event) => requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - timeStamp)))
    document.addEventListener('keydown', listen, { capture: true })
    Reflect.set(globalThis, 'stopKeys', () => document.removeEventListener('keydown', listen, { capture: true }))
  })
  for (let key = 0; key < keys && !over(); key++) {
    await page.keyboard.press(key % 8 === 7 ? 'Space' : 'a')
    await Bun.sleep(KEY_MS)
  }
  const times: number[] = await page.evaluate(() => {
    Reflect.get(globalThis, 'stopKeys')()
    return Reflect.get(globalThis, 'keyTimes')
  })
  await composer(page).fill('')
  return times
}

async function taskSeconds(cdp: CDPSession): Promise<number> {
  await cdp.send('Performance.enable')
  const { metrics } = await cdp.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}

function figures(times: readonly number[]): string {
  return [0.5, 0.95].map((share) => quantile(times, share).toFixed(0)).join(' and ')
}
