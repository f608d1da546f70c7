import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { BrowserContext, Page } from 'playwright'
import { DESKTOP, phone, signedInContext, watch } from '../support/browser.ts'
import { setBrowserStage } from '../support/browser-stage.ts'
import { objections } from '../support/objections.ts'
import { comeIn, inviteTo, shareRoom } from '../support/people.ts'
import { picture, stillness } from '../support/pictures.ts'
import { composer, createRoom, log, openRoom, prompts, reply, rooms, say } from '../support/room-page.ts'
import { smallTargets } from '../support/touch.ts'

const EVERYTHING = `## Heading\n\nA [link](https://example.org/), \`code\`.\n\n| left | right |\n|---|---|\n| ${'wide '.repeat(30)} | b |\n\n\`\`\`ts\nconst answer = '${'long '.repeat(40)}'\n\`\`\`\n\n- [x] done`
/** What a window of 1280 by 800 has at 200 %. */
const ZOOMED = { width: DESKTOP.width / 2, height: DESKTOP.height / 2 }

const { emulator, server, browser, wire, stop } = await setBrowserStage()
let context: BrowserContext
let page: Page
let watched: ReturnType<typeof watch>
let share: { token: string; room: string }

beforeAll(async () => {
  context = await signedInContext(browser, server)
  page = await context.newPage()
  watched = watch(page, server)
  const room = await createRoom(wire, 'All there is')
  await comeIn(server, (await inviteTo(wire, room)).token, 'Mara')
  share = { ...(await shareRoom(wire, room)), room }
  await openRoom(page, server, room)
  emulator.script.push((answer) => answer.write(EVERYTHING).then(() => answer.finish()))
  await say(page, 'Show me everything')
  await reply(page, 'complete').locator('.hljs-keyword').waitFor()
}, 60_000)
afterAll(stop, 90_000)

/** What axe objects to; `rules`: only those. */
async function objectionsOnTop(rules?: string[]): Promise<string[]> {
  await stillness(page)
  // What is behind it has been looked at already.
  const hasDialog = (await page.locator('dialog[open]').count()) > 0
  return objections(page, { ...(hasDialog && { within: 'dialog[open]' }), ...(rules && { rules }) })
}

/** What is cut off, or has to be scrolled in two directions, of what is on top. */
function misfits(): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const name = (element: Element) => `${element.tagName.toLowerCase()}.${element.className} ${element.textContent?.trim().slice(0, 30)}`
    if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`)
    const layers = [...document.querySelectorAll('dialog[open], :popover-open')]
    const top = layers.at(-1) ?? document.body
    const box = top.getBoundingClientRect()
    if (top !== document.body && (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1))
      found.push(`off the screen: ${name(top)}`)
    for (const element of top.querySelectorAll<HTMLElement>('*')) {
      if (!element.checkVisibility() || element.closest('.visually-hidden, .skip, pre, .table, .math, svg')) continue
      const { overflowX, overflowY, textOverflow } = getComputedStyle(element)
      if (element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(overflowX) && element.clientWidth > 0)
        found.push(`scrolls sideways: ${name(element)}`)
      if (!element.matches('button, a, input, textarea, select, summary')) continue
      const at = element.getBoundingClientRect()
      if (at.left < -1 || at.right > innerWidth + 1) found.push(`beside the screen: ${name(element)}`)
      if (
        element.scrollWidth > element.clientWidth + 2 &&
        textOverflow !== 'ellipsis' &&
        overflowX !== 'visible' &&
        !/auto|scroll/.test(overflowY)
      )
        found.push(`cut off: ${name(element)}`)
      const scrolls = (around: Element | null): boolean =>
        around !== null && (/auto|scroll/.test(getComputedStyle(around).overflowY) || scrolls(around.parentElement))
      if (
        (at.top < -1 || at.bottom > innerHeight + 1) &&
        document.body.contains(element) &&
        !scrolls(element.parentElement) &&
        !document.body.matches('.door, .shared')
      )
        found.push(`out of reach: ${name(element)}`)
    }
    return found
  })
}

/** Whether every icon is drawn in another colour than the ground, where a reader's own colours are used. */
const pale = () =>
  page.evaluate(() => {
    const ground = getComputedStyle(document.body).backgroundColor
    return [...document.querySelectorAll('svg.icon')].filter((icon) => icon.checkVisibility() && getComputedStyle(icon).stroke === ground)
      .length
  })

async function look(name: string): Promise<void> {
  expect(await objectionsOnTop(), name).toEqual([])
  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await objectionsOnTop(['color-contrast']), `${name} by night`).toEqual([])
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' })
  expect(await pale(), `${name} in forced colours`).toBe(0)
  await picture(page, `forced ${name}`)
  await page.emulateMedia({ forcedColors: 'none' })
  await page.setViewportSize(ZOOMED)
  await stillness(page)
  expect(await misfits(), `${name} at 200 %`).toEqual([])
  await picture(page, `zoomed ${name}`)
  await page.setViewportSize(DESKTOP)
  await stillness(page)
}

const command = (words: string) => async () => {
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill(words)
  await page.getByRole('option').first().click()
  await page.locator('dialog.panel:not(.palette)[open] h2').waitFor()
  await page.locator('.panel-skeleton').waitFor({ state: 'detached' })
}
const keys = (combination: string) => async () => {
  await page.keyboard.press(combination)
  await page.locator('dialog[open]').first().waitFor()
}

const SURFACES: [name: string, open: () => Promise<void>][] = [
  ['the room', async () => log(page).focus()],
  [
    'the menu of a message',
    async () => {
      await log(page).focus()
      await page.keyboard.press('End')
      await page.keyboard.press('Enter')
      await page.getByRole('menu', { name: 'Message' }).waitFor()
    },
  ],
  [
    'the menu of a room',
    async () => {
      await rooms(page).getByRole('link').first().hover()
      await rooms(page).getByRole('button', { name: 'Options' }).first().click()
      await page.getByRole('menuitem').first().waitFor()
    },
  ],
  ['inviting', command('Invite people')],
  ['the people', command('People in this')],
  ['the rules of the room', command('Model and rules')],
  ['usage', command('Usage')],
  ['the server', command('This server')],
  ['the settings', keys('Control+,')],
  ['the shortcuts', keys('Control+/')],
  ['the palette', keys('Control+k')],
  [
    'what was found',
    async () => {
      await keys('Control+k')()
      await page.getByRole('combobox').fill('every')
      await page.getByRole('group', { name: 'Messages' }).getByRole('option').first().waitFor()
    },
  ],
]

describe('axe objects to nothing by day and by night, icons show in forced colours, and all fits at 200 %:', () => {
  for (const [name, open] of SURFACES) {
    test(
      name,
      async () => {
        await open()
        await look(name)
        await page.keyboard.press('Escape')
        await page.locator('dialog[open], :popover-open').waitFor({ state: 'detached' })
      },
      30_000,
    )
  }

  test('the box in which a prompt is edited', async () => {
    await page.keyboard.press('Control+Shift+E')
    await page.getByRole('textbox', { name: 'Edit prompt' }).waitFor()
    await look('editing')
    await page.keyboard.press('Escape')
    await prompts(page).getByRole('button', { name: 'Edit' }).waitFor()
    watched.expectQuiet()
  }, 90_000)

  test('a shared page, the entrance, and pages of one sentence', async () => {
    for (const [name, path] of [
      ['a shared page', `/s/${share.token}`],
      ['a share that is gone', `/s/${'x'.repeat(43)}`],
      ['the entrance', '/enter'],
      ['no page', '/nowhere'],
    ] as const) {
      await page.goto(server.url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await look(name)
    }
  }, 120_000)
})

test('on a phone axe objects to none of the panels, a finger hits what is in them, and all of it fits', async () => {
  const desktop = page
  const phones = await signedInContext(browser, server, phone())
  page = await openRoom(await phones.newPage(), server, share.room)
  const found: unknown[] = []
  try {
    await reply(page, 'complete').waitFor()
    for (const [name, open] of SURFACES.filter(([surface]) => !surface.startsWith('the menu') && surface !== 'the room')) {
      await open()
      await stillness(page)
      await picture(page, `phone ${name}`)
      found.push(...[...(await objectionsOnTop()), ...(await misfits()), ...(await smallTargets(page))].map((what) => [name, what]))
      await page.keyboard.press('Escape')
      await page.locator('dialog[open]').waitFor({ state: 'detached' })
    }
    expect(found).toEqual([])
  } finally {
    page = desktop
    await phones.close()
  }
}, 90_000)

test('in forced colours one sees where the focus is, and what is chosen', async () => {
  await page.emulateMedia({ forcedColors: 'active' })
  await openRoom(page, server, await createRoom(wire, 'Forced'))
  await composer(page).focus()
  expect(await page.locator('.composer').evaluate((box) => getComputedStyle(box).outlineStyle)).toBe('solid')
  expect(
    await rooms(page)
      .locator('.row.current')
      .first()
      .evaluate((row) => getComputedStyle(row).outlineStyle),
  ).toBe('solid')
  await command('Model and rules')()
  expect(
    await page
      .locator('.choice:has(:checked)')
      .first()
      .evaluate((choice) => getComputedStyle(choice).outlineStyle),
  ).toBe('solid')
  await page.keyboard.press('Escape')
  await page.emulateMedia({ forcedColors: 'none' })
}, 90_000)

test('nothing moves for those who want it so: while an answer is written, as panels, menus and the list open', async () => {
  const moving = () =>
    page.evaluate(
      () =>
        document
          .getAnimations()
          .filter(({ playState, effect }) => playState === 'running' && Number(effect?.getComputedTiming().duration ?? 0) > 0).length,
    )
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  await say(page, 'Slowly [[hand]]')
  const answer = await emulator.next({ prompt: 'Slowly' })
  await answer.write('A word')
  await reply(page, 'streaming').getByText('A word').waitFor()
  expect(await moving()).toBeGreaterThan(0)
  await page.emulateMedia({ reducedMotion: 'reduce' })
  expect(await moving()).toBe(0)
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  expect(await moving()).toBe(0)
  await page.keyboard.press('Escape')
  await page.setViewportSize(ZOOMED)
  await page.getByRole('button', { name: 'Show the list' }).click()
  expect(await moving()).toBe(0)
  expect((await rooms(page).boundingBox())?.x).toBe(0)
  await page.keyboard.press('Escape')
  await answer.finish()
  await page.setViewportSize(DESKTOP)
}, 90_000)

test('the app can be installed, with icons that are kept for the time without a server', async () => {
  await openRoom(page, server)
  const device = await context.newCDPSession(page)
  const manifest = await device.send('Page.getAppManifest')
  expect(manifest.errors).toEqual([])
  const { installabilityErrors } = await device.send('Page.getInstallabilityErrors')
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
  const answer = await fetch(`${server.url}/manifest.webmanifest`)
  expect(answer.headers.get('content-type')).toBe('application/manifest+json')
  const { icons, shortcuts } = await answer.json()
  const kept = await (await fetch(`${server.url}/worker.js`)).text()
  expect(kept).toContain('"/manifest.webmanifest"')
  const touchIcon = await page.locator('link[rel="apple-touch-icon"]').getAttribute('href')
  for (const { src, sizes } of [...icons, { src: touchIcon, sizes: '180x180' }]) {
    expect(kept).toContain(`"${src}"`)
    const size = await page.evaluate(async (path) => {
      const image = new Image()
      image.src = path
      await image.decode()
      return `${image.naturalWidth}x${image.naturalHeight}`
    }, src)
    if (sizes !== 'any') expect(size).toBe(sizes)
  }
  await page.goto(server.url + shortcuts[0].url)
  await page.getByText('What is on your mind').waitFor()
  expect(new URL(page.url()).search).toBe('')
}, 90_000)
