import { join } from 'node:path'
import type { Page } from 'playwright'

const FOLDER = process.env['SCREENSHOTS']

/** What a page shows, as a PNG in the folder that `SCREENSHOTS` names, for people to look at; without that variable there is none. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!FOLDER) return
  await stillness(page)
  await page.screenshot({ path: join(FOLDER, `${name}.png`) })
}

/** Waits until the page has its fonts, and what moves from one place to another has arrived. */
export async function stillness(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready
    await new Promise((resolve) => requestAnimationFrame(resolve))
    const moving = document.getAnimations().filter((animation) => animation instanceof CSSTransition)
    await Promise.allSettled(moving.map(({ finished }) => finished))
  })
}
