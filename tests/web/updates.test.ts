import { beforeEach, describe, expect, test } from 'bun:test'
import { newId } from '#contract'
import { requestReload } from '../../web/store/requests.ts'
import { openStore, type Store } from '../../web/store/store.ts'
import { Updates } from '../../web/updates.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'

/** A worker of a build; what it was asked is in `heard`. */
class Worker extends EventTarget {
  readonly heard: string[] = []
  state = 'installing'
  onTakeOver: () => void = () => undefined
  readonly #build: string | null

  /** null: it does not answer. */
  constructor(build: string | null) {
    super()
    this.#build = build
  }

  postMessage(request: string, ports: MessagePort[] = []): void {
    this.heard.push(request)
    if (request === 'build' && this.#build !== null) ports[0]?.postMessage(this.#build)
    if (request === 'take over') this.onTakeOver()
  }
}

class Registration extends EventTarget {
  installing: Worker | null = null
  waiting: Worker | null = null
  looked = 0

  async update(): Promise<void> {
    this.looked++
  }

  /** A newer worker was found, and has all its files. */
  install(worker: Worker): void {
    this.installing = worker
    this.dispatchEvent(new Event('updatefound'))
    this.installing = null
    this.waiting = worker
    worker.state = 'installed'
    worker.dispatchEvent(new Event('statechange'))
  }
}

class Container extends EventTarget {
  readonly registration = new Registration()
  registered: unknown[] = []
  controller: Worker | null = null

  async register(...values: unknown[]): Promise<Registration> {
    this.registered.push(values)
    return this.registration
  }

  control(worker: Worker): void {
    this.controller = worker
    this.registration.waiting = null
    this.dispatchEvent(new Event('controllerchange'))
  }
}

let store: Store
let container: Container
let clock: FakeClock
let typing: EventTarget
let reloads: number

beforeEach(() => {
  store = openStore(newId())
  container = new Container()
  clock = new FakeClock()
  typing = new EventTarget()
  reloads = 0
})

async function start(): Promise<Updates> {
  const updates = new Updates(store, {
    container: container as unknown as ServiceWorkerContainer,
    build: 'mine',
    latest: async () => 'mine',
    clock,
    typing,
    reload: () => reloads++,
  })
  await updates.start()
  return updates
}

describe('a newer client', () => {
  test('is announced, and loaded in every tab only on the reader’s word', async () => {
    await start()
    expect(container.registered).toEqual([['/worker.js', { updateViaCache: 'none' }]])
    const newer = new Worker('newer')
    newer.onTakeOver = () => container.control(newer)
    container.registration.install(newer)
    await eventually(() => store.updateReady.current)
    clock.advance(60_000)
    expect([reloads, newer.heard]).toEqual([0, ['build']])
    requestReload()
    await eventually(() => newer.heard.length === 3)
    await eventually(() => {
      clock.advance(1_000)
      return reloads === 1
    })
    expect(newer.heard).toEqual(['build', 'take over', 'build'])
    clock.advance(60_000)
    expect(reloads).toBe(1)
  })

  test('that waits since before this page was opened is announced, too', async () => {
    container.registration.waiting = new Worker('newer')
    await start()
    await eventually(() => store.updateReady.current)
  })

  test('that this page is of already is not announced, and takes over when nobody needs the older one', async () => {
    const same = new Worker('mine')
    same.onTakeOver = () => container.control(same)
    container.registration.waiting = same
    await start()
    await eventually(() => same.heard.includes('take over when alone'))
    container.control(same)
    await eventually(() => same.heard.filter((request) => request === 'build').length === 2)
    clock.advance(60_000)
    expect([store.updateReady.current, reloads]).toEqual([false, 0])
  })

  test('whose worker says nothing is left alone', async () => {
    container.registration.waiting = new Worker(null)
    await start()
    clock.advance(60_000)
    expect([store.updateReady.current, reloads]).toEqual([false, 0])
  })

  test('that does not take over is loaded all the same', async () => {
    container.registration.waiting = new Worker('newer')
    await start()
    requestReload()
    clock.advance(10_000)
    expect(reloads).toBe(1)
  })

  test('is looked for whenever the server is back', async () => {
    await start()
    store.connection.set('online')
    store.connection.set('offline')
    store.connection.set('online')
    expect(container.registration.looked).toBe(2)
  })
})

describe('loading the page anew', () => {
  test('waits for a draft that is being typed, but not for ever', async () => {
    const updates = await start()
    updates.reload()
    for (let passed = 0; passed < 4_000; passed += 500) {
      clock.advance(500)
      typing.dispatchEvent(new Event('input'))
    }
    expect(reloads).toBe(0)
    clock.advance(700)
    expect(reloads).toBe(1)
  })

  test('ends somebody’s endless typing', async () => {
    const updates = await start()
    updates.reload()
    for (let passed = 0; passed < 6_000 && reloads === 0; passed += 500) {
      clock.advance(500)
      typing.dispatchEvent(new Event('input'))
    }
    expect(reloads).toBe(1)
  })

  test('works where there are no service workers', async () => {
    const updates = new Updates(store, {
      container: undefined,
      build: 'mine',
      latest: async () => 'mine',
      clock,
      typing,
      reload: () => reloads++,
    })
    await updates.start()
    requestReload()
    clock.advance(1_000)
    expect(reloads).toBe(1)
  })
})
