import type { Page } from 'playwright'
import { LIMITS } from '#contract'
import { articles, openRoom, rooms } from '../support/room-page.ts'
import { type FeelStage, feelStage, filledRoom } from './feel-room.ts'
import { quantile } from './figures.ts'

const SMALL = 50

/**
 * From the click on a room, or from the navigation, to the frame that shows its last messages, with everything from the store: the browser is
 * offline. A room of many messages against one that has just a page of them, in turns.
 */
export async function opening(options: { messages: number; rounds: number }): Promise<string> {
  const stage = await feelStage()
  try {
    const many = await stored(stage, 'Many', options.messages)
    const few = await stored(stage, 'Few', SMALL)
    const home = await stored(stage, 'Home', 2)
    const page = await openRoom(await stage.context.newPage(), stage.server, home)
    // What is kept for a start without a server is kept a while after the first one.
    await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state)
    await stage.context.setOffline(true)
    const switches = { many: [] as number[], few: [] as number[] }
    for (let round = 0; round <= options.rounds; round++) {
      for (const [list, title] of [
        [switches.many, 'Many'],
        [switches.few, 'Few'],
      ] as const) {
        const ms = await switchTo(page, title)
        await switchTo(page, 'Home')
        if (round > 0) list.push(ms)
      }
    }
    await page.addInitScript(untilShown)
    const loads = { many: [] as number[], few: [] as number[] }
    for (let round = 0; round <= options.rounds; round++) {
      for (const [list, id, title] of [
        [loads.many, many, 'Many'],
        [loads.few, few, 'Few'],
      ] as const) {
        await page.goto(`${stage.server.url}/c/${id}`)
        const ms = await page.waitForFunction((name) => Reflect.get(globalThis, 'shownAt')?.[name], title)
        if (round > 0) list.push(Number(await ms.jsonValue()))
      }
    }
    return [
      `A room of ${options.messages} messages opens from the store, ms to the frame with its last messages: median, p95`,
      line('switching, many messages', switches.many),
      line(`switching, ${SMALL} messages (baseline)`, switches.few),
      line('loading the page, many messages', loads.many),
      line(`loading the page, ${SMALL} messages (baseline)`, loads.few),
      `  many : few  switching ${ratio(switches)}, loading ${ratio(loads)}`,
    ].join('\n')
  } finally {
    await stage.stop()
  }
}

/** A room that the browser has read to its beginning: the rows that a reader would bring by scrolling up are put into its store. */
async function stored(stage: FeelStage, title: string, count: number): Promise<string> {
  const id = await filledRoom(stage, title, count)
  const page = await openRoom(await stage.context.newPage(), stage.server, id)
  await articles(page).last().waitFor()
  let before = Number.MAX_SAFE_INTEGER
  while (true) {
    const { messages, more } = await stage.wire.rpc.conversation.history({
      id,
      before: Math.min(before, 2 ** 31 - 1),
      limit: LIMITS.maxPageRows,
    })
    before = Math.min(...messages.map(({ position }) => position))
    await page.evaluate(putHistory, { id, rows: messages.map((row) => ({ ...row, delivery: 'sent' })), oldest: before, complete: !more })
    if (!more) break
  }
  await page.close()
  return id
}

async function putHistory({
  id,
  rows,
  oldest,
  complete,
}: {
  id: string
  rows: object[]
  oldest: number
  complete: boolean
}): Promise<void> {
  const opened = indexedDB.open(`confab-${document.body.dataset['person']}`)
  await new Promise((resolve) => (opened.onsuccess = resolve))
  const transaction = opened.result.transaction(['messages', 'rooms'], 'readwrite')
  for (const row of rows) transaction.objectStore('messages').put(row)
  const room = transaction.objectStore('rooms').get(id)
  room.onsuccess = () => transaction.objectStore('rooms').put({ ...room.result, oldest, complete })
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  opened.result.close()
}

/** Milliseconds from the click to the picture, by the page's own clock. */
async function switchTo(page: Page, title: string): Promise<number> {
  const row = rooms(page).getByRole('link', { name: title })
  const element = await row.first().elementHandle()
  return page.evaluate(
    async ([link, name]) => {
      if (!(link instanceof HTMLElement)) throw new Error('no such room')
      const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
      const startedAt = performance.now()
      link.click()
      while (!document.querySelector('article:last-of-type [data-part="text"]')?.textContent?.includes(`End of ${name},`)) await painted()
      return performance.now() - startedAt
    },
    [element, title] as const,
  )
}

/** In a page from its beginning: when the last message of a room was first shown, by the room's name, in milliseconds since the navigation. */
function untilShown(): void {
  const look = () => {
    const text = document.querySelector('article:last-of-type [data-part="text"]')?.textContent ?? ''
    const name = /End of (\w+),/.exec(text)?.[1]
    if (name === undefined) requestAnimationFrame(() => setTimeout(look))
    else Reflect.set(globalThis, 'shownAt', { [name]: performance.now() })
  }
  look()
}

function line(name: string, times: readonly number[]): string {
  return `  ${name.padEnd(42)} ${[0.5, 0.95].map((share) => quantile(times, share).toFixed(1).padStart(8)).join('')}`
}

function ratio({ many, few }: { many: readonly number[]; few: readonly number[] }): string {
  return (quantile(many, 0.5) / quantile(few, 0.5)).toFixed(2)
}
