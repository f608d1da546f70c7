import { afterAll, beforeAll, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { isOpen, newId, type Reply } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { embeddedProcesses } from '../support/database.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { overloaded } from '../support/emulator-errors.ts'
import { eventually, within } from '../support/eventually.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

/*
 * What was not finished when the server ended: a reply that somebody has stopped is never asked for again, also when the database did not hear
 * of it; one that the model has only refused so far is asked for again. Over the embedded database, frozen where it has to be away.
 */

let emulator: Emulator
let server: TestServer
let cookie = ''
let ada: TestClient
let other: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  server = await startServer({ keepData: true, env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  cookie = (await enter(server)).cookie
  await connectBoth()
}, 60_000)

afterAll(async () => {
  await server.stop()
  rmSync(server.dataDir, { recursive: true, force: true })
  await emulator.stop()
}, 30_000)

async function connectBoth(): Promise<void> {
  ada = await connect(server, cookie)
  other = await connect(server, cookie)
}

async function room(): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id })
  await ada.join(id)
  await other.join(id)
  return id
}

async function ask(conversationId: string, text: string): Promise<string> {
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId })
  return replyId
}

async function rowOf(conversationId: string, id: string): Promise<Reply> {
  const { messages } = await ada.rpc.conversation.pull({ id: conversationId, since: 0, limit: 200 })
  const row = messages.find((message) => message.id === id)
  if (row?.kind !== 'reply') throw new Error('no such reply')
  return row
}

const callsFor = (words: string) => emulator.requests.filter(({ prompt }) => prompt.endsWith(`]] ${words}`))

function freeze(): () => void {
  const pids = embeddedProcesses(server.dataDir)
  expect(pids).toHaveLength(1)
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  return () => {
    for (const pid of pids) process.kill(pid, 'SIGCONT')
  }
}

/** A room whose first reply streams and whose second one waits for its turn. */
async function busyRoom(words: string) {
  const id = await room()
  const running = await ask(id, `[[chunks=2000 every=10 units=20000]] ${words}`)
  const waiting = await ask(id, `[[chunks=3 every=1]] after ${words}`)
  await other.hearText(running, (text) => text.length > 200)
  await eventually(async () => (await rowOf(id, running)).state === 'streaming')
  return { id, running, waiting }
}

const refused = (call: Promise<unknown>) => call.then(() => null).catch((error: { code: string }) => error.code)

for (const end of ['comes back', 'comes back to another server, because this one was killed'] as const) {
  test(`a stop while the database is away ends the reply at once, and is written when the database ${end}`, async () => {
    const words = `to be stopped until it ${end}`
    const { id, running, waiting } = await busyRoom(words)
    const stops = [running, waiting].map((reply) => ({ id: reply, operation: newId() }))
    const thaw = freeze()
    let seen = ''
    try {
      const start = performance.now()
      const calls = stops.map((stop) => refused(other.rpc.reply.stop(stop)))
      await emulator.waitForDisconnect(({ prompt }) => prompt.endsWith(words))
      // The database is given up after ten seconds: this did not wait for that.
      expect(performance.now() - start).toBeLessThan(5_000)
      expect(await Promise.all(calls)).toEqual(['UNAVAILABLE', 'UNAVAILABLE'])
      seen = ada.texts.get(running) ?? ''
      if (end !== 'comes back') await server.kill()
    } finally {
      thaw()
    }
    if (end !== 'comes back') {
      await server.restart()
      await connectBoth()
      await ada.join(id)
    }
    const stopped = { state: 'stopped', stoppedBy: { name: 'Ada' }, failure: null }
    const rows = await eventually(async () => {
      const both = [await rowOf(id, running), await rowOf(id, waiting)]
      return both.some(({ state }) => isOpen(state)) ? null : both
    })
    expect(rows).toMatchObject([
      { ...stopped, text: seen },
      { ...stopped, text: '' },
    ])
    expect(seen.length).toBeGreaterThan(200)
    // The call that had no answer finds what it has done.
    for (const row of rows) expect(await ada.rpc.reply.stop({ id: row.id })).toEqual(row)
    expect(callsFor(words)).toHaveLength(1)
    // And does not do it again to what was resumed since.
    for (const [index, { id: reply, revision }] of rows.entries()) {
      await ada.rpc.reply.resume({ id: reply, revision })
      expect(isOpen((await ada.rpc.reply.stop(stops[index] ?? { id: '' })).state)).toBe(true)
    }
    for (const reply of [waiting, running]) await ada.rpc.reply.stop({ id: reply })
    // The room goes on.
    const next = await ask(id, '[[chunks=3 every=1]] next')
    expect((await ada.hearEnd(next)).row.state).toBe('complete')
  }, 60_000)
}

test('a server that is stopped while its database says nothing ends in time, and the next one writes what was said', async () => {
  const words = 'nobody listens'
  const { id, running, waiting } = await busyRoom(words)
  const thaw = freeze()
  try {
    const start = performance.now()
    expect(await server.stop()).toBe(0)
    const tookMs = performance.now() - start
    console.log(`stopped in ${Math.round(tookMs)} ms without a database`)
    expect(tookMs).toBeLessThan(10_000)
  } finally {
    thaw()
  }
  const seen = ada.texts.get(running) ?? ''
  await server.restart()
  await connectBoth()
  await ada.join(id)
  const row = await rowOf(id, running)
  expect(row).toMatchObject({ state: 'interrupted', failure: { code: 'restarted' } })
  // It was given a little time after the last tab had gone.
  expect(row.text.startsWith(seen)).toBe(true)
  await eventually(async () => (await rowOf(id, waiting)).state === 'complete')
  expect([callsFor(words).length, callsFor(`after ${words}`).length]).toEqual([1, 1])
}, 60_000)

/** The row of a reply while it waits to be asked for again. */
async function refusedRow(replyId: string): Promise<Reply> {
  const frame = await other.hear(
    (heard) => heard[0] === 'message' && heard[1].id === replyId && heard[1].kind === 'reply' && heard[1].retryAt !== null,
  )
  if (frame[0] !== 'message' || frame[1].kind !== 'reply') throw new Error('not the row of a reply')
  return frame[1]
}

const ends: [name: string, end: () => Promise<unknown>][] = [
  ['is killed', () => server.kill()],
  [
    'is stopped',
    async () => {
      const start = performance.now()
      expect(await server.stop()).toBe(0)
      expect(performance.now() - start).toBeLessThan(5_000)
    },
  ],
]
for (const [name, end] of ends) {
  test(`a reply that the model has only refused when the server ${name} is asked for by the next one, when the wait is over`, async () => {
    const id = await room()
    const words = `refused when it ${name}`
    const replyId = await ask(id, `[[429-once=7]] ${words}`)
    const after = await ask(id, `[[chunks=3 every=1]] its turn comes when it ${name}`)
    const { retryAt } = await refusedRow(replyId)
    await end()
    await server.restart()
    await server.kill()
    await server.restart()
    await connectBoth()
    await other.join(id)
    // Whoever looks sees why and until when, as before.
    const again = await eventually(async () => {
      const row = await rowOf(id, replyId)
      return row.state === 'streaming' && row
    }, 3_000)
    expect(again).toMatchObject({ text: '', failure: { code: 'rate_limited' }, retryAt })
    const ended = await other.hearEnd(replyId)
    expect(Date.now()).toBeGreaterThan(retryAt ?? Number.POSITIVE_INFINITY)
    expect(ended.row).toMatchObject({ state: 'complete', failure: null, retryAt: null, text: ended.text })
    expect((await other.hearEnd(after)).row.state).toBe('complete')
    expect(callsFor(words)).toHaveLength(2)
  }, 60_000)
}

test('a reply that was being asked for when the server was killed is not asked for again, refused before or not', async () => {
  const id = await room()
  const words = 'asked when it was killed'
  const replyId = await ask(id, `[[hand]] ${words}`)
  await emulator.next({ prompt: words })
  await server.kill()
  await server.restart()
  await connectBoth()
  expect(await rowOf(id, replyId)).toMatchObject({ state: 'interrupted', failure: { code: 'restarted' }, text: '' })
  expect(callsFor(words)).toHaveLength(1)

  const again = newId()
  emulator.script.push((answer) => answer.fail(overloaded()))
  const twice = 'refused, then asked when it was killed'
  await ada.rpc.message.send({ id: newId(), conversationId: id, text: `[[hand]] ${twice}`, kind: 'prompt', replyId: again })
  await within(emulator.next({ prompt: twice }), 5_000, 'The second call')
  await server.kill()
  await server.restart()
  await connectBoth()
  expect(await rowOf(id, again)).toMatchObject({ state: 'interrupted', failure: { code: 'restarted' }, text: '' })
  expect(callsFor(twice)).toHaveLength(2)
}, 60_000)
