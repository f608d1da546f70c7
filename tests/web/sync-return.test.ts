import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { ServerWebSocket } from 'bun'
import { HEARTBEAT } from '#contract'
import { start } from '../../web/sync/engine.ts'
import { watchSignals, type Signal } from '../../web/sync/signals.ts'
import { Socket } from '../../web/sync/socket.ts'
import { createStore } from '../../web/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ModelServer } from '../support/model-server.ts'
import type { Line } from '../support/pair.ts'

const HOURS_MS = 5 * 60 * 60 * 1000

const stops: (() => unknown)[] = []
let page: EventTarget & { visibilityState: string }
let frame: EventTarget

beforeEach(() => {
  page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  frame = new EventTarget()
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** The ways in which a browser says that the reader is back, or the network. */
const RETURNS: [string, () => void][] = [
  ['visibilitychange', () => page.dispatchEvent(new Event('visibilitychange'))],
  ['resume', () => page.dispatchEvent(new Event('resume'))],
  ['pageshow, from the back-forward cache', () => frame.dispatchEvent(new Event('pageshow'))],
  ['online', () => frame.dispatchEvent(new Event('online'))],
]

test('a page that is put away says nothing', () => {
  const heard: Signal[] = []
  stops.push(watchSignals({ window: frame, document: page }, (signal) => heard.push(signal)))
  page.visibilityState = 'hidden'
  page.dispatchEvent(new Event('visibilitychange'))
  expect(heard).toEqual([])
  page.visibilityState = 'visible'
  for (const [, happen] of RETURNS) happen()
  expect(heard).toEqual(['back', 'back', 'back', 'online'])
})

/** The server in memory behind real sockets. A connection that is lost swallows everything, and nobody is told. */
function serve(model: ModelServer) {
  const peer = { opened: 0, pings: 0, url: '', lose: () => undefined as void }
  const open = new Set<{ lost: boolean }>()
  peer.lose = () => {
    for (const connection of open) connection.lost = true
  }
  type Data = { line: Line; connection: { lost: boolean } }
  const server = Bun.serve<Data>({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request, server) =>
      server.upgrade(request, { data: { line: model.line(), connection: { lost: false } } })
        ? undefined
        : new Response(null, { status: 400 }),
    websocket: {
      open: (socket: ServerWebSocket<Data>) => {
        const { line, connection } = socket.data
        peer.opened++
        open.add(connection)
        line.connect()
        for (const type of ['message', 'push']) {
          line.addEventListener(type, (event) => {
            if (!connection.lost && event instanceof MessageEvent) socket.send(event.data)
          })
        }
      },
      message: (socket, text) => {
        const { line, connection } = socket.data
        if (connection.lost) return
        if (text !== HEARTBEAT.ping) return line.send(text)
        peer.pings++
        socket.send(HEARTBEAT.pong)
      },
      close: ({ data }) => data.line.close(),
    },
  })
  stops.push(() => server.stop(true))
  peer.url = `ws://127.0.0.1:${server.port}/`
  return peer
}

/** A tab with the real socket, in a room that it has read to its end. */
async function reading() {
  const model = new ModelServer()
  const { id } = model.open().row
  const peer = serve(model)
  const clock = new FakeClock()
  const store = createStore(model.person.id)
  const passing = (condition: () => boolean | Promise<boolean>) =>
    eventually(async () => {
      clock.advance(20)
      return condition()
    })
  const stop = start(store, {
    clock,
    random: () => 0.02,
    transport: () => new Socket({ url: peer.url, clock, random: () => 0.02, signals: { window: frame, document: page } }),
    route: { current: () => id, onChange: () => () => undefined },
    onSignedOut: () => undefined,
    signOut: async () => true,
  })
  stops.push(stop)
  const say = (text: string) => model.publish(id, model.room(id).send(model.person, text, 'note'))
  const texts = async () => (await store.db.messages.toArray()).map(({ text }) => text)
  say('read')
  await passing(async () => store.connection.current === 'online' && (await texts()).length === 1)
  const joins = () => model.calls.filter((call) => call.startsWith('conversation.join')).length
  return { peer, clock, passing, say, texts, joins }
}

describe.each(RETURNS)('%s', (_name, happen) => {
  test('in a tab that was frozen for hours leads to a new connection at once, and to all that was missed', async () => {
    const { peer, clock, passing, say, texts, joins } = await reading()
    peer.lose()
    clock.freeze(HOURS_MS)
    say('missed')
    expect([peer.opened, joins()]).toEqual([1, 1])
    happen()
    // No timer has run: it is not the heartbeat that notices.
    await eventually(() => peer.opened === 2)
    await passing(async () => (await texts()).length === 2)
    expect(joins()).toBe(2)
    expect(await texts()).toContain('missed')
  })

  test('soon after, asks the connection for a sign of life, keeps it when it gives one, and replaces it when it does not', async () => {
    const { peer, clock, passing, say, texts } = await reading()
    const before = peer.pings
    happen()
    await eventually(() => peer.pings === before + 1)
    say('heard')
    await passing(async () => (await texts()).length === 2)
    clock.advance(HEARTBEAT.deadMs + 100)
    expect(peer.opened).toBe(1)
    peer.lose()
    say('missed')
    happen()
    clock.advance(HEARTBEAT.deadMs + 100)
    await passing(async () => (await texts()).length === 3)
    expect(peer.opened).toBe(2)
  })
})
