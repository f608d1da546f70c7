import type { Locator, Page } from 'playwright'
import { newId } from '#contract'
import type { TestClient } from './client.ts'
import { eventually } from './eventually.ts'
import type { TestServer } from './server.ts'

/* A room in a browser, with the words by which a person finds its parts. */

export const composer = (page: Page) => page.getByRole('textbox', { name: 'Message' })
export const log = (page: Page) => page.getByRole('log', { name: 'Messages' })
export const articles = (page: Page) => log(page).getByRole('article')
export const reply = (page: Page, state?: string) => page.locator(`article[data-role="model"]${state ? `[data-state="${state}"]` : ''}`)
export const prompts = (page: Page, state?: string) => page.locator(`article[data-role="user"]${state ? `[data-state="${state}"]` : ''}`)
export const rooms = (page: Page) => page.getByRole('navigation', { name: 'Conversations' })

/** The names of all rooms in the list, from its beginning to its end: only the rows in view are drawn. */
export async function listedNames(page: Page): Promise<Set<string>> {
  const names = await rooms(page)
    .locator('.rooms-list')
    .evaluate(async (list) => {
      const soon = () => new Promise((resolve) => setTimeout(resolve, 5))
      const found: string[] = []
      const scroll = async (top: number) => {
        const before = list.scrollTop
        const scrolled = new Promise((resolve) => list.addEventListener('scroll', resolve, { once: true }))
        list.scrollTo(0, top)
        if (list.scrollTop !== before) await scrolled
        // What has been scrolled to is drawn next, and what its rows say may have to be read first.
        do await soon()
        while (list.querySelector('li:not(:has(.row-title))'))
      }
      for (let top = 0; top <= list.scrollHeight; top += Math.max(100, list.clientHeight / 2)) {
        await scroll(top)
        found.push(...[...list.querySelectorAll('.row-title')].map((title) => title.textContent))
      }
      await scroll(0)
      return found
    })
  return new Set(names)
}

/** A new room on the server; its id. */
export async function createRoom(client: TestClient, title?: string): Promise<string> {
  const id = newId()
  await client.rpc.conversation.create(title === undefined ? { id } : { id, title })
  return id
}

/** Opens a room (none: the address without one) and waits until it is connected and can be written in. */
export async function openRoom(page: Page, server: Pick<TestServer, 'url'>, id?: string): Promise<Page> {
  await page.goto(`${server.url}${id === undefined ? '' : `/c/${id}`}`)
  await online(page)
  await composer(page).waitFor()
  return page
}

/** Waits for a connection state. */
export function connected(page: Page, state: 'online' | 'connecting' | 'offline', timeout = 20_000): Promise<void> {
  return page.locator(`[role="status"][data-connection="${state}"]`).waitFor({ state: 'attached', timeout })
}

export function online(page: Page): Promise<void> {
  return connected(page, 'online')
}

export async function say(page: Page, text: string): Promise<void> {
  await composer(page).fill(text)
  await composer(page).press('Enter')
}

/** Goes on writing until it is seen: that somebody writes is over a few seconds after they have paused. */
export async function typeUntil(writers: readonly Page[], seen: () => Promise<boolean>): Promise<void> {
  await eventually(async () => {
    for (const writer of writers) for (const key of ['Space', 'Backspace']) await composer(writer).press(key)
    return seen()
  }, 30_000)
}

/** What a reader sees of a message's text, with every run of white space as one blank: blocks of Markdown are apart on the screen only. */
export async function textOf(message: Locator): Promise<string> {
  return words((await message.locator('[data-part="text"]').textContent({ timeout: 5_000 })) ?? '')
}

export function words(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** Waits until a message reads exactly like this. */
export async function readsAs(message: Locator, text: string, timeoutMs = 10_000): Promise<void> {
  const wanted = words(text)
  await eventually(async () => {
    const shown = await textOf(message)
    if (shown !== wanted) throw new Error(`The page shows ${JSON.stringify(shown.slice(-200))}, not ${JSON.stringify(wanted.slice(-200))}`)
    return true
  }, timeoutMs)
}

/** The text of a message as this browser has stored it; null: it is not there. */
export function storedText(page: Page, messageId: string): Promise<string | null> {
  return stored(page, 'messages', messageId)
}

/** The draft of a room as this browser has stored it; null: none. */
export function storedDraft(page: Page, conversationId: string): Promise<string | null> {
  return stored(page, 'drafts', conversationId)
}

function stored(page: Page, table: 'messages' | 'drafts', key: string): Promise<string | null> {
  return page.evaluate(
    async ([table, key]) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.addEventListener('success', () => resolve(request.result))
          request.addEventListener('error', () => reject(new Error(String(request.error))))
        })
      const database = await done(indexedDB.open(`confab-${document.body.dataset.person}`))
      try {
        const row: { text?: string } | undefined = await done(database.transaction(table).objectStore(table).get(key))
        return row?.text ?? null
      } finally {
        database.close()
      }
    },
    [table, key] as const,
  )
}

export function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex')
}

export async function idOf(message: Locator): Promise<string> {
  return (await message.getAttribute('data-message-id')) ?? ''
}
