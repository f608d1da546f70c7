import { afterEach, describe, expect, test } from 'bun:test'
import type { Server, ServerWebSocket } from 'bun'
import { CLOSE, HEARTBEAT } from '#contract'
import { backoffMs, Patience } from '../../web/sync/backoff.ts'
import { ConnectionLost, createRpc } from '../../web/sync/rpc.ts'
import type { SocketOptions } from '../../web/sync/options.ts'
import { Socket } from '../../web/sync/socket.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ModelServer } from '../support/model-server.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

type Behaviour = 'answers' | 'silent' | 'closes at once'

/** A server of bare sockets that misbehaves on demand. */
class Peer {
  behaviour: Behaviour = 'answers'
  opened = 0
  pings = 0
  readonly sockets = new Set<ServerWebSocket>()
  readonly #server: Server<undefined>

  constructor(port = 0) {
    this.#server = Bun.serve({
      hostname: '127.0.0.1',
      port,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
      websocket: {
        open: (socket) => {
          this.opened++
          this.sockets.add(socket)
          if (this.behaviour === 'closes at once') socket.close(CLOSE.tooMany)
        },
        message: (socket, message) => {
          if (message !== HEARTBEAT.ping) return
          this.pings++
          if (this.behaviour === 'answers') socket.send(HEARTBEAT.pong)
        },
        close: (socket) => void this.sockets.delete(socket),
      },
    })
    stops.push(() => this.stop())
  }

  get port(): number {
    return this.#server.port ?? 0
  }

  stop(): Promise<void> {
    return this.#server.stop(true)
  }

  say(data: string | Uint8Array): void {
    for (const socket of this.sockets) socket.send(data)
  }
}

function connect(port: number, options: Partial<SocketOptions> = {}): { socket: Socket; states: string[]; heard: [string, unknown][] } {
  const socket = new Socket({ url: `ws://127.0.0.1:${port}/rpc`, random: () => 0.1, ...options })
  const states: string[] = []
  const heard: [string, unknown][] = []
  socket.addEventListener('state', () => states.push(socket.state))
  for (const type of ['message', 'push', 'open', 'close']) {
    socket.addEventListener(type, (event) => heard.push([type, event instanceof MessageEvent ? event.data : null]))
  }
  stops.push(() => socket.close())
  return { socket, states, heard }
}

const online = (socket: Socket) => eventually(() => socket.state === 'online')

describe('the socket', () => {
  test('tells broadcasts from answers, and ignores the heartbeat and what it does not know', async () => {
    const peer = new Peer()
    const { socket, heard } = connect(peer.port)
    await online(socket)
    for (const data of [new Uint8Array([0, 255, 123, 91]), 'junk', '', HEARTBEAT.pong, '["gone","x"]', '{"i":"1"}']) peer.say(data)
    await eventually(() => heard.length === 3)
    expect(heard).toEqual([
      ['open', null],
      ['push', '["gone","x"]'],
      ['message', '{"i":"1"}'],
    ])
  })

  test('comes back after the server was killed, however long that takes', async () => {
    const peer = new Peer()
    const { port } = peer
    const { socket, heard } = connect(port)
    await online(socket)
    await peer.stop()
    await eventually(() => socket.state !== 'online')
    expect(socket.readyState).toBe(3)
    await eventually(() => socket.state === 'waiting')
    const again = new Peer(port)
    await online(socket)
    expect(again.opened).toBe(1)
    expect(heard.map(([type]) => type)).toEqual(['open', 'close', 'open'])
  })

  test('leaves a connection behind that has gone silent', async () => {
    const peer = new Peer()
    const { socket, heard } = connect(peer.port, { everyMs: 40, deadMs: 40 })
    await online(socket)
    peer.behaviour = 'silent'
    await eventually(() => peer.opened === 2)
    peer.behaviour = 'answers'
    await eventually(() => socket.state === 'online' && heard.filter(([type]) => type === 'open').length >= 2)
    expect(heard.map(([type]) => type).slice(0, 3)).toEqual(['open', 'close', 'open'])
  })

  test('stays while the server answers', async () => {
    const peer = new Peer()
    const { socket } = connect(peer.port, { everyMs: 10, deadMs: 200 })
    await online(socket)
    await eventually(() => peer.pings > 5)
    expect(peer.opened).toBe(1)
  })

  test('does not wait for ever for a server that accepts and says nothing', async () => {
    let accepted = 0
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { open: () => void accepted++, data: () => undefined } })
    stops.push(() => silent.stop(true))
    const { socket } = connect(silent.port, { connectMs: 50 })
    await eventually(() => accepted >= 2)
    expect(socket.state).toBe('connecting')
  })

  test('does not wait long for a try from just before the network or the reader was back', async () => {
    for (const type of ['online', 'pageshow']) {
      let accepted = 0
      const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { open: () => void accepted++, data: () => undefined } })
      stops.push(() => silent.stop(true))
      const clock = new FakeClock()
      const signals = new EventTarget()
      const { socket } = connect(silent.port, { clock, signals: { window: signals } })
      await eventually(() => accepted === 1)
      clock.advance(500)
      signals.dispatchEvent(new Event(type))
      clock.advance(2_500)
      await eventually(() => accepted === 2)
      socket.close()
    }
  })

  test('waits longer and longer for a server that closes every connection at once', async () => {
    const peer = new Peer()
    peer.behaviour = 'closes at once'
    const { states } = connect(peer.port)
    // With a tenth of the longest waits, the sixth connection comes after 25 + 50 + 100 + 200 + 400 ms.
    const startedAt = performance.now()
    await eventually(() => peer.opened >= 6)
    expect(performance.now() - startedAt).toBeGreaterThan(600)
    expect(states).toContain('waiting')
  })

  test.each([
    [CLOSE.signedOut, 'signedOut'],
    [CLOSE.outdated, 'outdated'],
  ] as const)('ends for good with close code %d', async (code, state) => {
    const peer = new Peer()
    const { socket, states, heard } = connect(peer.port)
    await online(socket)
    for (const open of peer.sockets) open.close(code)
    await eventually(() => socket.state === state)
    expect(states).toEqual(['online', state])
    expect(heard.at(-1)?.[0]).toBe('close')
    expect(peer.opened).toBe(1)
  })

  test('comes back after a room was closed to its person', async () => {
    const peer = new Peer()
    const { socket } = connect(peer.port)
    await online(socket)
    for (const open of peer.sockets) open.close(CLOSE.removed)
    await eventually(() => peer.opened === 2)
    await online(socket)
  })

  test('tries at once when the network or the reader is back', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
    const signals = new EventTarget()
    for (const [target, type] of [
      [signals, 'online'],
      [signals, 'pageshow'],
      [page, 'visibilitychange'],
    ] as const) {
      const peer = new Peer()
      const { port } = peer
      const { socket } = connect(port, { random: () => 1, signals: { window: signals, document: page } })
      await online(socket)
      await peer.stop()
      await eventually(() => socket.state === 'waiting')
      const again = new Peer(port)
      page.visibilityState = 'visible'
      const at = performance.now()
      target.dispatchEvent(new Event(type))
      await online(socket)
      expect(performance.now() - at).toBeLessThan(150)
      expect(again.opened).toBe(1)
      socket.close()
      await again.stop()
    }
  })

  test('asks a connection for a sign of life when the reader is back', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
    const peer = new Peer()
    const { socket } = connect(peer.port, {
      deadMs: 50,
      signals: { document: page },
    })
    await online(socket)
    peer.behaviour = 'silent'
    page.dispatchEvent(new Event('visibilitychange'))
    await eventually(() => peer.opened === 2)
  })

  test('asks again and again while the browser says that there is no network, though a last answer came through', async () => {
    const signals = new EventTarget()
    const peer = new Peer()
    const clock = new FakeClock()
    const { socket, heard } = connect(peer.port, { clock, signals: { window: signals } })
    // What is said after an answer is heard after it.
    const answered = async (pings: number) => {
      await eventually(() => peer.pings === pings)
      peer.say(`["answered", ${pings}]`)
      await eventually(() => heard.at(-1)?.[1] === `["answered", ${pings}]`)
    }
    await online(socket)
    signals.dispatchEvent(new Event('offline'))
    for (const pings of [1, 2, 3]) {
      await answered(pings)
      clock.advance(2_000)
    }
    await answered(4)
    peer.behaviour = 'silent'
    clock.advance(3_000)
    await eventually(() => peer.opened === 2 && peer.pings === 5)

    // Also a connection that comes about meanwhile, until there is a network again.
    peer.behaviour = 'answers'
    await online(socket)
    const before = peer.pings
    clock.advance(2_000)
    await answered(before + 1)
    signals.dispatchEvent(new Event('online'))
    await answered(before + 2)
    clock.advance(2_000)
    await answered(before + 3)
    clock.advance(15_000)
    signals.dispatchEvent(new Event('pageshow'))
    await answered(before + 4)
    expect(peer.opened).toBe(2)
  })

  test('doubts a connection that takes something and says nothing, long before the next heartbeat', async () => {
    const peer = new Peer()
    const clock = new FakeClock()
    const { socket } = connect(peer.port, { clock })
    await online(socket)
    peer.behaviour = 'silent'
    socket.send('{}')
    clock.advance(3_000)
    await eventually(() => peer.pings === 1)
    clock.advance(5_000)
    await eventually(() => peer.opened === 2)
    await online(socket)

    peer.behaviour = 'answers'
    socket.send('{}')
    clock.advance(3_000)
    await eventually(() => peer.pings === 2)
    const answered = performance.now()
    peer.say('[]')
    // The answer to the heartbeat and this have come: nothing is done after it.
    await eventually(() => performance.now() > answered + 50)
    clock.advance(5_000)
    expect([socket.state, peer.opened]).toEqual(['online', 2])
  })

  test('ends for good when the server refuses the upgrade because the session is over', async () => {
    let refusals = 0
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(String(++refusals), { status: 401 }) })
    stops.push(() => server.stop(true))
    const answers = [() => Promise.reject(new Error('not reached')), () => Promise.resolve(true), () => Promise.resolve(false)]
    const { socket, states } = connect(server.port ?? 0, { hasSession: () => answers.shift()?.() ?? Promise.resolve(true) })
    await eventually(() => socket.state === 'signedOut')
    expect(refusals).toBe(3)
    expect(states.at(-1)).toBe('signedOut')
  })

  test('does nothing more after it was closed', async () => {
    const peer = new Peer()
    const { socket, heard } = connect(peer.port)
    await online(socket)
    socket.close()
    await eventually(() => peer.sockets.size === 0)
    expect(socket.state).toBe('closed')
    expect(heard.map(([type]) => type)).toEqual(['open', 'close'])
  })
})

describe('the backoff', () => {
  test('spreads over the whole time, doubles it with every failure, and has an end', () => {
    expect(backoffMs(0, () => 1)).toBe(250)
    expect(backoffMs(3, () => 1)).toBe(2_000)
    expect(backoffMs(50, () => 1)).toBe(4_000)
    expect(backoffMs(50, () => 0)).toBe(0)
  })

  test('starts over only for a connection that has lasted', () => {
    const patience = new Patience(() => 1)
    expect([patience.next(), patience.next()]).toEqual([250, 500])
    patience.reset()
    expect(patience.next()).toBe(1_000)
    patience.settled()
    expect(patience.next()).toBe(250)
  })
})

describe('a call', () => {
  test('fails with one error for no connection, a lost connection and no answer in time', async () => {
    const server = new ModelServer()
    const line = server.line()
    const clock = new FakeClock()
    const rpc = createRpc(line, clock)
    const ask = () => rpc.call((client, options) => client.session.me({}, options)).catch((error: unknown) => error)
    expect(await ask()).toBeInstanceOf(ConnectionLost)
    line.connect()
    expect(await ask()).toMatchObject({ person: { name: 'Ada' } })
    line.hold('toClient')
    const lost = ask()
    await eventually(() => line.waiting('toClient') === 1)
    line.cut()
    expect(await lost).toBeInstanceOf(ConnectionLost)
    line.connect()
    const late = ask()
    await eventually(() => line.waiting('toClient') === 1)
    const sent: string[] = []
    line.passes = (_, text) => sent.push(text) > 0
    clock.advance(10_000)
    expect(await late).toBeInstanceOf(ConnectionLost)
    // The server need not go on with it, either.
    expect(sent).toEqual([expect.stringMatching(/^\{"i":"\d+","t":4\}$/)])
    for (const data of ['{"i":', '{"i":"9","p":{}}', '{}']) line.dispatchEvent(new MessageEvent('message', { data }))
    line.letGo('toClient')
    expect(await ask()).toMatchObject({ person: { name: 'Ada' } })
  })

  test('is refused with the code and data of the contract', async () => {
    const server = new ModelServer()
    const line = server.line()
    line.connect()
    const rpc = createRpc(line, new FakeClock())
    const id = server.person.id
    const refusal = await rpc
      .call((client, options) => client.conversation.leave({ id: 'no id' }, options))
      .catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'BAD_REQUEST' })
    const missing = await rpc.call((client, options) => client.reply.stop({ id }, options)).catch((error: unknown) => error)
    expect(missing).toMatchObject({ code: 'NOT_FOUND', data: { what: 'reply' } })
  })
})
