import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { SQL } from 'bun'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright'
import { newId } from '#contract'
import { DESKTOP, launch, phone, signIn, watch, type Watch } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { objections } from '../support/objections.ts'
import { admit, enter, type Entered, introduce } from '../support/people.ts'
import { picture, stillness } from '../support/pictures.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { connected, createRoom, online, rooms } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* The list of rooms: what a person does with it, on a desktop and on a phone. */

let postgres: Postgres
let server: TestServer
let browser: Browser
let owner: Entered
const watches: Watch[] = []

beforeAll(async () => {
  ;[postgres, browser] = await Promise.all([startPostgres(), launch()])
  server = await startServer({ env: { DATABASE_URL: postgres.url } })
  owner = await enter(server)
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  await postgres?.stop()
}, 30_000)

/** Somebody with rooms of these names, used last so many days ago. */
async function somebody(names: readonly (readonly [title: string, daysAgo: number])[]) {
  const who = await introduce(postgres.url, owner, 'Ida')
  const wire = await connect(server, who.cookie)
  const ids = new Map<string, string>()
  const sql = new SQL(postgres.url, { max: 1 })
  for (const [title, daysAgo] of names) {
    const id = await createRoom(wire, title)
    ids.set(title, id)
    await sql`update conversation set updated_at = now() - make_interval(days => ${daysAgo}), changed = pg_current_xact_id() where id = ${id}`
  }
  await sql.close()
  return { who, wire, id: (title: string) => ids.get(title) ?? '' }
}

async function open(who: Entered, options: BrowserContextOptions, id = ''): Promise<Page> {
  const context = await browser.newContext(options)
  await signIn(context, server, who.cookie)
  const page = await context.newPage()
  watches.push(watch(page, server))
  await page.goto(`${server.url}${id === '' ? '' : `/c/${id}`}`)
  await online(page)
  await list(page)
  return page
}

/** On a phone the list is a drawer, which is closed by going somewhere. */
async function list(page: Page): Promise<void> {
  const show = page.getByRole('button', { name: 'Show the list' })
  if ((await show.isVisible()) && !(await page.locator('#rooms:popover-open').isVisible())) {
    await show.click()
    await rooms(page).getByRole('button', { name: 'New conversation' }).waitFor()
  }
}

const row = (page: Page, title: string) => rooms(page).getByRole('listitem').filter({ hasText: title })

/** The headings of the list, each with the names below it, in the order in which they are seen. */
function shown(page: Page): Promise<[heading: string, titles: string[]][]> {
  return rooms(page).evaluate((nav) =>
    [...nav.querySelectorAll('section')].map((section): [string, string[]] => [
      section.querySelector('h2')?.textContent ?? '',
      [...section.querySelectorAll('li')]
        .toSorted((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
        .map((item) => item.querySelector('.row-title')?.textContent ?? item.querySelector('input')?.value ?? ''),
    ]),
  )
}

async function shows(page: Page, ...wanted: [heading: string, titles: string[]][]): Promise<void> {
  await eventually(async () => {
    const now = JSON.stringify(await shown(page))
    if (now !== JSON.stringify(wanted)) throw new Error(`The list shows ${now}, not ${JSON.stringify(wanted)}`)
    return true
  })
}

async function choose(page: Page, title: string, what: string): Promise<void> {
  await row(page, title).hover()
  await row(page, title).getByRole('button', { name: 'Options' }).click()
  await page.getByRole('menuitem', { name: what, exact: true }).click()
}

/** Deletes a room; whether others may be in it is asked first, unless this device knows that nobody is. */
async function remove(page: Page, title: string): Promise<void> {
  await choose(page, title, 'Delete')
  await beSure(page)
}

async function beSure(page: Page): Promise<void> {
  const sure = page.getByRole('dialog').getByRole('button', { name: 'Delete' })
  await sure
    .or(page.getByRole('button', { name: 'Undo' }))
    .first()
    .waitFor()
  if (await sure.isVisible()) await sure.click()
}

async function accessible(page: Page): Promise<void> {
  expect(await objections(page, { within: '#rooms' })).toEqual([])
}

const devices: [name: string, options: BrowserContextOptions][] = [
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', phone()],
]

describe.each(devices)('on %s', (_, options) => {
  test('rooms are pinned, moved, tagged, archived, renamed and deleted, and every device of the person has it so', async () => {
    const { who, wire, id } = await somebody([
      ['Today', 0],
      ['Garden', 3],
      ['Tyres', 2],
      ['Attic', 400],
    ])
    const [page, other] = [await open(who, options, id('Today')), await open(who, { viewport: DESKTOP }, id('Today'))]
    const longAgo = await page.evaluate(
      (days) => new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' }).format(Date.now() - days * 86_400_000),
      400,
    )
    await shows(page, ['Today', ['Today']], ['Previous 7 days', ['Tyres', 'Garden']], [longAgo, ['Attic']])
    await accessible(page)

    await choose(page, 'Garden', 'Pin')
    await choose(page, 'Attic', 'Pin')
    await shows(page, ['Pinned', ['Attic', 'Garden']], ['Today', ['Today']], ['Previous 7 days', ['Tyres']])
    await choose(page, 'Garden', 'Move up')
    for (const at of [page, other]) await shows(at, ['Pinned', ['Garden', 'Attic']], ['Today', ['Today']], ['Previous 7 days', ['Tyres']])

    await choose(page, 'Tyres', 'Tags')
    await page.getByRole('textbox', { name: 'New tag' }).fill('car')
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('button', { name: 'Save' }).click()
    await rooms(page).getByRole('button', { name: 'car', exact: true }).click()
    await shows(page, ['Previous 7 days', ['Tyres']])
    await accessible(page)
    await rooms(page).getByRole('button', { name: 'All', exact: true }).click()
    await rooms(other).getByRole('button', { name: 'car', exact: true }).waitFor()

    await choose(page, 'Tyres', 'Archive')
    await shows(page, ['Pinned', ['Garden', 'Attic']], ['Today', ['Today']])
    await rooms(page)
      .getByRole('button', { name: /^Archived/ })
      .click()
    await shows(page, ['Previous 7 days', ['Tyres']])
    await choose(page, 'Tyres', 'Take out of the archive')
    await rooms(page).getByText('Nothing is archived').waitFor()
    await picture(page, `rooms-archive-empty-${options.isMobile ? 'phone' : 'desktop'}`)
    await rooms(page).getByRole('button', { name: 'Archived', exact: true }).click()
    await shows(other, ['Pinned', ['Garden', 'Attic']], ['Today', ['Today']], ['Previous 7 days', ['Tyres']])

    await choose(page, 'Garden', 'Rename')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Never mind')
    await page.keyboard.press('Escape')
    await shows(page, ['Pinned', ['Garden', 'Attic']], ['Today', ['Today']], ['Previous 7 days', ['Tyres']])
    await choose(page, 'Garden', 'Rename')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Roses')
    await page.keyboard.press('Enter')
    await row(other, 'Roses').waitFor()

    await choose(page, 'Today', 'Delete')
    await page.getByRole('button', { name: 'Undo' }).click()
    await row(page, 'Today').waitFor()
    await list(page)
    await remove(page, 'Attic')
    for (const at of [page, other]) await row(at, 'Attic').waitFor({ state: 'detached', timeout: 20_000 })
    await eventually(async () => (await wire.rpc.conversation.list({})).conversations.every((room) => room.id !== id('Attic')), 20_000)
    await wire.close()
    await Promise.all([page.context().close(), other.context().close()])
  }, 90_000)

  test('several are selected, and put away, read, tagged and deleted at once', async () => {
    const names = ['One', 'Two', 'Three', 'Four', 'Five'].map((title, index) => [title, index + 10] as const)
    const { who, wire, id } = await somebody([['Here', 0], ...names])
    const guest = await introduce(postgres.url, owner, 'Jon')
    const jon = await connect(server, guest.cookie)
    await admit(postgres.url, id('Two'), guest)
    const page = await open(who, options, id('Here'))
    await row(page, 'Two').waitFor()
    await jon.rpc.message.send({ id: newId(), conversationId: id('Two'), text: 'Hello?', kind: 'note', replyId: newId() })
    await row(page, 'Two').getByText('unread').waitFor()

    await choose(page, 'Two', 'Select')
    await page.getByRole('toolbar', { name: 'Selected conversations' }).getByText('1 selected').waitFor()
    await page.getByRole('checkbox', { name: 'One' }).click()
    await page.getByRole('checkbox', { name: 'Four' }).click({ modifiers: ['Shift'] })
    await page.getByText('4 selected').waitFor()
    await accessible(page)
    await page.getByRole('button', { name: 'Mark as read' }).click()
    await row(page, 'Two').getByText('unread').waitFor({ state: 'detached' })

    await choose(page, 'One', 'Select')
    await page.getByRole('checkbox', { name: 'Three' }).click()
    await page.getByRole('button', { name: 'Tags' }).click()
    await page.getByRole('textbox', { name: 'New tag' }).fill('odd')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Save' }).click()
    await eventually(
      async () => (await wire.rpc.conversation.list({})).arrangements.filter(({ tags }) => tags.includes('odd')).length === 2,
    )

    await choose(page, 'Four', 'Select')
    await page.getByRole('checkbox', { name: 'Five' }).click()
    await page.getByRole('button', { name: 'Archive', exact: true }).click()
    await row(page, 'Five').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Undo' }).click()
    await row(page, 'Five').waitFor()
    await list(page)

    // A room with others in it is asked for first.
    await choose(page, 'Two', 'Select')
    await page.getByRole('checkbox', { name: 'Five' }).click()
    await page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByText('deleted for everybody').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    for (const title of ['Two', 'Five']) await row(page, title).waitFor({ state: 'detached' })
    expect(await row(page, 'One').count()).toBe(1)
    await Promise.all([wire.close(), jon.close(), page.context().close()])
  }, 90_000)
})

test('by keys alone: about the list, moving what is pinned, the menu, renaming, and undoing', async () => {
  const { who, wire, id } = await somebody([
    ['First', 1],
    ['Second', 2],
    ['Third', 3],
  ])
  const page = await open(who, { viewport: DESKTOP }, id('First'))
  await wire.rpc.conversation.arrange({ id: id('First'), pin: 1 })
  await wire.rpc.conversation.arrange({ id: id('Second'), pin: 2 })
  await wire.rpc.conversation.arrange({ id: id('Third'), pin: 3 })
  await shows(page, ['Pinned', ['First', 'Second', 'Third']])
  await row(page, 'First').getByRole('link').focus()
  const focused = (title: string) =>
    eventually(() => page.evaluate((wanted) => document.activeElement?.closest('[data-id]')?.textContent?.includes(wanted) ?? false, title))
  await page.keyboard.press('ArrowDown')
  await focused('Second')
  await page.keyboard.press('End')
  await focused('Third')
  const at = page.url()
  await page.keyboard.press('Alt+ArrowUp')
  await shows(page, ['Pinned', ['First', 'Third', 'Second']])
  // Elsewhere the same keys go to another conversation.
  expect(page.url()).toBe(at)
  await focused('Third')
  await page.keyboard.press('F2')
  await page.getByRole('textbox', { name: 'Name', exact: true }).waitFor()
  // The key that renames the room that is open, elsewhere.
  expect(await page.getByRole('textbox', { name: 'Name of the room' }).count()).toBe(0)
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Renamed')
  await page.keyboard.press('Enter')
  await focused('Renamed')
  await page.keyboard.press('Delete')
  await beSure(page)
  await row(page, 'Renamed').waitFor({ state: 'detached' })
  await focused('Second')
  await page.keyboard.press('Control+z')
  await row(page, 'Renamed').waitFor()
  await page.keyboard.press('Home')
  await focused('First')
  await page.keyboard.press('Shift+F10')
  await page.getByRole('menuitem', { name: 'Select' }).press('Enter')
  const isSelected = (title: string) => eventually(() => page.getByRole('checkbox', { name: title }).isChecked())
  await focused('First')
  await page.keyboard.press('Space')
  await page.getByText('0 selected').waitFor()
  for (const title of ['Renamed', 'Second']) {
    await page.keyboard.press('ArrowDown')
    await focused(title)
    await page.keyboard.press('Space')
    await isSelected(title)
  }
  // None of them is renamed, nor the one that is open.
  await page.keyboard.press('F2')
  await page.keyboard.press('Escape')
  await page.getByRole('toolbar').waitFor({ state: 'detached' })
  expect(await page.getByRole('textbox', { name: /^Name/ }).count()).toBe(0)
  await focused('Second')
  await page.keyboard.press('Shift+F10')
  await page.getByRole('menuitem', { name: 'Select' }).press('Enter')
  await isSelected('Second')
  await focused('Second')
  await page.keyboard.press('Delete')
  await beSure(page)
  await row(page, 'Second').waitFor({ state: 'detached' })
  await page.keyboard.press('Control+z')
  await row(page, 'Second').waitFor()
  // One row is on the way of the Tab key, however many there are.
  await page.keyboard.press('Home')
  await focused('First')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.closest('li'))).toBe(null)
  await wire.close()
  await page.context().close()
}, 60_000)

test('a right click opens the menu, a resting finger too, and a pinned row is dragged to another place', async () => {
  const { who, wire, id } = await somebody([
    ['Upper', 0],
    ['Lower', 0],
  ])
  await wire.rpc.conversation.arrange({ id: id('Upper'), pin: 1 })
  await wire.rpc.conversation.arrange({ id: id('Lower'), pin: 2 })
  const page = await open(who, { viewport: DESKTOP }, id('Upper'))
  await shows(page, ['Pinned', ['Upper', 'Lower']])
  await row(page, 'Lower').click({ button: 'right' })
  await page.getByRole('menuitem', { name: 'Unpin' }).waitFor()
  await page.keyboard.press('Escape')
  await row(page, 'Upper').dragTo(row(page, 'Lower'), { targetPosition: { x: 40, y: 45 } })
  await shows(page, ['Pinned', ['Lower', 'Upper']])
  await eventually(async () => {
    const { arrangements } = await wire.rpc.conversation.list({})
    const pin = (title: string) => arrangements.find(({ conversationId }) => conversationId === id(title))?.pin ?? 0
    return pin('Lower') < pin('Upper')
  })

  const held = await open(who, phone(), id('Upper'))
  await stillness(held)
  const { x = 0, y = 0 } = (await row(held, 'Lower').boundingBox()) ?? {}
  const finger = await held.context().newCDPSession(held)
  await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: x + 60, y: y + 20 }] })
  await row(held, 'Lower').locator('.held').waitFor()
  await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  await held.getByRole('menuitem', { name: 'Unpin' }).click()
  await row(page, 'Lower').waitFor()
  await shows(page, ['Pinned', ['Upper']], ['Today', ['Lower']])
  expect(new URL(held.url()).pathname).toBe(`/c/${id('Upper')}`)

  // What can be undone lies over no more than the list, and over nothing that is written in.
  await row(held, 'Lower').getByRole('button', { name: 'Options' }).tap()
  await held.getByRole('menuitem', { name: 'Archive' }).tap()
  const toast = held.locator('.toast')
  await toast.waitFor()
  const edgeOf = async (what: Locator, edge: 'x' | 'y') => {
    const box = await what.boundingBox()
    return box ? box[edge] + box[edge === 'x' ? 'width' : 'height'] : Number.NaN
  }
  expect(await edgeOf(toast, 'x')).toBeLessThanOrEqual(await edgeOf(rooms(held), 'x'))
  await held.touchscreen.tap(380, 300)
  await eventually(async () => (await edgeOf(toast, 'y')) < ((await held.locator('.composer').boundingBox())?.y ?? 0))
  await Promise.all([wire.close(), page.context().close(), held.context().close()])
}, 60_000)

test('without the server a room is pinned and another one archived; it has it so when it is back, and so has the reload before', async () => {
  const { who, wire, id } = await somebody([
    ['Keep', 0],
    ['Away', 0],
    ['Open', 0],
  ])
  await wire.close()
  const page = await open(who, { viewport: DESKTOP }, id('Open'))
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await server.kill()
  await connected(page, 'offline')
  await choose(page, 'Keep', 'Pin')
  await choose(page, 'Away', 'Archive')
  await shows(page, ['Pinned', ['Keep']], ['Today', ['Open']])
  await page.reload()
  await shows(page, ['Pinned', ['Keep']], ['Today', ['Open']])
  await server.restart()
  await online(page)
  const again: TestClient = await connect(server, who.cookie)
  await eventually(async () => {
    const { arrangements } = await again.rpc.conversation.list({})
    const kept = (title: string) => arrangements.find(({ conversationId }) => conversationId === id(title))
    return kept('Keep')?.pin !== null && kept('Keep') !== undefined && kept('Away')?.archived === true
  }, 20_000)
  await again.close()
  // What a browser says of a server that is away.
  watches.at(-1)?.expectQuiet(/ERR_/, /WebSocket connection to/)
  watches.pop()
  await page.context().close()
}, 60_000)

test('at midnight what was used today moves to yesterday', async () => {
  const { who, wire, id } = await somebody([['Late', 0]])
  await wire.close()
  const context = await browser.newContext({ viewport: DESKTOP })
  await signIn(context, server, who.cookie)
  const page = await context.newPage()
  await page.clock.install()
  await page.goto(`${server.url}/c/${id('Late')}`)
  await shows(page, ['Today', ['Late']])
  await page.clock.fastForward('24:00:00')
  await shows(page, ['Yesterday', ['Late']])
  await context.close()
}, 60_000)

test('of thousands of rooms a few rows are drawn, the one that is open is found, and the focus gets from one end to the other', async () => {
  const { who, wire, id } = await somebody([['The one that is open', 5]])
  const sql = new SQL(postgres.url, { max: 1 })
  for (let from = 1; from <= 3_000; from += 200) {
    await sql`with made as (
      insert into conversation (id, revision, title, created_by, updated_at, changed)
      select gen_random_uuid(), 1, 'Room ' || n, ${who.person.id}, now() - make_interval(mins => n * 4), pg_current_xact_id()
      from generate_series(${from}::int, ${from + 199}::int) n returning id
    ) insert into member (conversation_id, person_id, role, changed) select id, ${who.person.id}, 'owner', pg_current_xact_id() from made`
  }
  await sql.close()
  const page = await open(who, { viewport: DESKTOP }, id('The one that is open'))
  await eventually(async () => (await row(page, 'The one that is open').getAttribute('aria-posinset')) !== null, 60_000)
  await eventually(async () => {
    const box = await row(page, 'The one that is open').boundingBox()
    return (
      box !== null &&
      box.y > 0 &&
      box.y < DESKTOP.height &&
      Number(await row(page, 'The one that is open').getAttribute('aria-posinset')) > 100
    )
  }, 60_000)
  expect(await rooms(page).getByRole('listitem').count()).toBeLessThan(80)
  await row(page, 'The one that is open').getByRole('link').focus()
  await page.keyboard.press('End')
  await eventually(
    () => page.evaluate(() => document.activeElement?.closest('[data-id]')?.textContent?.includes('Room 3000') ?? false),
    30_000,
  )
  // Faster than the rows come: no key is lost.
  for (const key of ['Home', 'End', 'Home']) await page.keyboard.press(key)
  await eventually(
    () => page.evaluate(() => document.activeElement?.closest('[data-id]')?.textContent?.includes('Room 1') ?? false),
    30_000,
  )
  expect(await rooms(page).getByRole('listitem').count()).toBeLessThan(80)
  await wire.close()
  await page.context().close()
}, 120_000)

test('nothing went wrong on any of these pages', () => {
  for (const seen of watches) seen.expectQuiet()
})
