import { afterEach, describe, expect, test } from 'bun:test'
import { newId } from '#contract'
import type { Leisure } from '../../web/sync/leisure.ts'
import { createStore } from '../../web/store/store.ts'
import { start } from '../../web/sync/engine.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ModelServer } from '../support/model-server.ts'
import { createLocks, openTab, type Tab } from '../support/tab.ts'

const tabs: Tab[] = []
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.stop()
})

/** A browser with all the time in the world, or none. */
function leisure(): Leisure & { rest(): void; spares: boolean; idled: number; asked: number } {
  let busy: PromiseWithResolvers<void> | null = Promise.withResolvers<void>()
  return {
    spares: true,
    idled: 0,
    asked: 0,
    idle() {
      this.idled++
      return busy?.promise ?? Promise.resolve()
    },
    async spare() {
      this.asked++
      return this.spares
    },
    rest() {
      busy?.resolve()
      busy = null
    },
  }
}

function open(server: ModelServer, opened: string | null, options: Parameters<typeof openTab>[2]): { tab: Tab; clock: FakeClock } {
  const clock = new FakeClock()
  const tab = openTab(server, opened, { clock, locks: createLocks().locks, ...options })
  tabs.push(tab)
  return { tab, clock }
}

/** Rooms that were last used in this order. */
function roomsOf(server: ModelServer, ...lengths: number[]): string[] {
  return lengths.map((length, index) => {
    const room = server.open()
    for (let said = 0; said < length; said++) room.send(server.person, `said ${said}`, 'note')
    room.row = { ...room.row, updatedAt: 10_000 + index }
    return room.row.id
  })
}

/** Lets time pass until the condition is true. */
function passing(clock: FakeClock, condition: () => boolean | Promise<boolean>, stepMs = 250): Promise<unknown> {
  return eventually(async () => {
    clock.advance(stepMs)
    return condition()
  })
}

const pulls = ({ calls }: ModelServer) => calls.filter((call) => call.startsWith('conversation.pull'))

describe('rooms that were not opened', () => {
  test('are fetched one at a time, the newest first, when the browser is idle', async () => {
    const server = new ModelServer()
    const [oldest = '', middle = '', newest = ''] = roomsOf(server, 3, 4, 60)
    const browser = leisure()
    const { tab, clock } = open(server, middle, { leisure: async () => browser })
    let running = 0
    let most = 0
    server.before = async (procedure) => {
      if (procedure !== 'conversation.pull') return
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
    }
    tab.line.connect()
    await passing(clock, () => tab.store.connection.current === 'online')
    clock.advance(60_000)
    expect(pulls(server)).toEqual([])
    browser.rest()
    await passing(clock, async () => (await tab.store.db.rooms.count()) === 3)
    expect(pulls(server)).toEqual([`conversation.pull ${newest}`, `conversation.pull ${oldest}`])
    expect(most).toBe(1)
    expect(await tab.store.db.rooms.get(newest)).toMatchObject({ cursor: 61, oldest: 12, complete: false })
    expect(await tab.store.db.messages.count()).toBe(3 + 4 + 50)
  })

  test('and come or change later are fetched, too, but not with every change', async () => {
    const server = new ModelServer()
    const [first = ''] = roomsOf(server, 2)
    const browser = leisure()
    browser.rest()
    const { tab, clock } = open(server, null, { leisure: async () => browser })
    const cursor = async (id: string) => (await tab.store.db.rooms.get(id))?.cursor
    tab.line.connect()
    await passing(clock, async () => (await cursor(first)) === 3)
    const late = server.open()
    for (let said = 0; said < 20; said++) {
      const before = late.row.revision
      server.publish(late.row.id, late.send(server.person, `said ${said}`, 'note'))
      await eventually(async () => {
        clock.advance(20)
        return ((await tab.store.db.conversations.get(late.row.id))?.revision ?? 0) > before
      })
    }
    await passing(clock, async () => (await cursor(late.row.id)) === 21, 2_000)
    // The first of the changes may have come before the run was over.
    expect(pulls(server).length).toBeLessThanOrEqual(3)

    const before = pulls(server).length
    server.publish(first, server.room(first).send(server.person, 'and now this', 'note'))
    await passing(clock, async () => (await cursor(first)) === 4, 2_000)
    expect(pulls(server)).toHaveLength(before + 1)
  })

  test('that have changed since they were read are brought up to date, in pages', async () => {
    const server = new ModelServer()
    const [id = ''] = roomsOf(server, 3)
    const first = open(server, id, {})
    first.tab.line.connect()
    await passing(first.clock, async () => (await first.tab.store.db.rooms.get(id))?.cursor === 4)
    first.tab.stop()
    for (let said = 0; said < 70; said++) server.room(id).send(server.person, 'later', 'note')
    const browser = leisure()
    browser.rest()
    const { tab, clock } = open(server, null, { leisure: async () => browser })
    tab.line.connect()
    await passing(clock, async () => (await tab.store.db.rooms.get(id))?.cursor === 74)
    expect(pulls(server)).toHaveLength(2)
    expect(await tab.store.db.messages.count()).toBe(73)
  })

  test('wait while the socket is busy', async () => {
    const server = new ModelServer()
    const [quiet = '', busy = ''] = roomsOf(server, 3, 3)
    const browser = leisure()
    const { tab, clock } = open(server, busy, { leisure: async () => browser })
    tab.line.connect()
    await passing(clock, async () => tab.store.connection.current === 'online' && (await tab.store.db.rooms.count()) === 1)
    for (let said = 4; said < 10; said++) {
      server.publish(busy, server.room(busy).send(server.person, 'and', 'note'))
      await eventually(async () => {
        clock.advance(20)
        return (await tab.store.db.messages.count()) === said
      })
      browser.rest()
      clock.advance(500)
    }
    expect(pulls(server)).toEqual([])
    await passing(clock, () => pulls(server).length === 1)
    expect(pulls(server)).toEqual([`conversation.pull ${quiet}`])
  })

  test('stay away when data are dear, and after space had to be made', async () => {
    const server = new ModelServer()
    const [only = ''] = roomsOf(server, 3)
    const browser = leisure()
    browser.spares = false
    browser.rest()
    const { tab, clock } = open(server, null, { leisure: async () => browser })
    tab.line.connect()
    await passing(clock, () => browser.asked === 1)
    clock.advance(60_000)
    expect(pulls(server)).toEqual([])

    browser.spares = true
    tab.line.cut()
    await tab.store.db.facts.put({ key: 'trimmed', value: Date.now() })
    const before = browser.idled
    tab.line.connect()
    await passing(clock, () => browser.idled > before)
    // Longer than any pause between two rooms.
    for (let passed = 0; passed < 50; passed++) await passing(clock, () => true)
    expect([pulls(server), browser.asked]).toEqual([[], 1])

    tab.line.cut()
    await tab.store.db.facts.put({ key: 'trimmed', value: 1 })
    tab.line.connect()
    await passing(clock, () => pulls(server).length === 1)
    expect(pulls(server)).toEqual([`conversation.pull ${only}`])
  })

  test('go on with the next when one is refused, and begin again with the next connection when it is lost', async () => {
    const server = new ModelServer()
    const [oldest = '', middle = '', newest = ''] = roomsOf(server, 1, 1, 1)
    const browser = leisure()
    browser.rest()
    const { tab, clock } = open(server, null, { leisure: async () => browser })
    server.before = (procedure, id) => {
      if (procedure === 'conversation.pull' && id === newest) server.rooms.delete(newest)
      if (procedure === 'conversation.pull' && id === middle && pulls(server).length === 2) tab.line.cut()
    }
    tab.line.connect()
    await passing(clock, () => tab.line.state === 'waiting')
    tab.line.connect()
    await passing(clock, async () => (await tab.store.db.rooms.count()) === 2)
    expect(pulls(server).map((call) => call.split(' ')[1])).toEqual([newest, middle, middle, oldest])
  })
})

test('a tab whose session has become another person’s writes nothing and sends nothing', async () => {
  const server = new ModelServer()
  const mine = newId()
  roomsOf(server, 1)
  const store = createStore(mine)
  await store.db.outbox.add({
    conversationId: newId(),
    call: { procedure: 'conversation.create', input: { id: newId() } },
    state: 'waiting',
    failure: null,
    createdAt: 1,
  })
  const line = server.line()
  let other = 0
  const stop = start(store, {
    transport: () => line,
    route: { current: () => null, onChange: () => () => undefined },
    onSignedOut: () => undefined,
    signOut: async () => true,
    onOtherPerson: () => other++,
  })
  line.connect()
  await eventually(() => other === 1)
  expect(line.state).toBe('closed')
  expect([await store.db.conversations.count(), await store.db.outbox.count(), await store.db.facts.count()]).toEqual([0, 1, 0])
  expect(server.calls.some((call) => call.startsWith('conversation.create'))).toBe(false)
  stop()
})
