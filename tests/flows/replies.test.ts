import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Failure, newId, type Reply } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

let emulator: Emulator
let server: TestServer
let ada: TestClient
let other: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  const { cookie } = await enter(server)
  ada = await connect(server, cookie)
  other = await connect(server, cookie)
}, 60_000)

afterAll(async () => {
  await server.stop()
  await emulator.stop()
}, 30_000)

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

test('a whole answer carries what it cost and who gave it', async () => {
  const id = await room()
  const { row } = await ada.hearEnd(await ask(id, '[[thoughts]] Hello'))
  expect(row).toMatchObject({ state: 'complete', truncated: false, failure: null, stoppedBy: null })
  expect(row.model).toStartWith('gemini')
  expect(row.usage?.thoughts).toBeGreaterThan(0)
  expect(row.usage?.output).toBeGreaterThan(row.usage?.thoughts ?? 0)
  expect(row.text).not.toContain('Reading the question')
})

test('a reply is stopped from another tab at once, keeps its text, and says who did it', async () => {
  const id = await room()
  const replyId = await ask(id, '[[chunks=400 every=10]]')
  await other.hearText(replyId, (text) => text.length > 100)
  const start = performance.now()
  const stopped = await other.rpc.reply.stop({ id: replyId })
  const heard = await ada.hearEnd(replyId)
  // It would have gone on for almost four seconds.
  expect(performance.now() - start).toBeLessThan(2_000)
  expect(stopped).toMatchObject({ state: 'stopped', stoppedBy: { name: 'Ada' } })
  expect(heard.row).toEqual(stopped)
  expect(heard.text).toBe(stopped.text)
  expect(stopped.text.length).toBeGreaterThan(100)
  await emulator.waitForDisconnect(({ prompt }) => prompt.includes('chunks=400 every=10'))
  // Stopping what has ended changes nothing.
  expect(await ada.rpc.reply.stop({ id: replyId })).toEqual(stopped)
})

test('a stopped reply goes on from its text, once, however often it is asked to', async () => {
  const id = await room()
  const replyId = await ask(id, '[[chunks=300 every=10]] and then go on')
  await ada.hearText(replyId, (text) => text.length > 50)
  const { text, revision } = await ada.rpc.reply.stop({ id: replyId })
  const before = emulator.requests.length
  const answers = await Promise.all([1, 2, 3].map(() => ada.rpc.reply.resume({ id: replyId, revision })))
  for (const answer of answers) expect(answer.text.startsWith(text)).toBe(true)
  const end = await eventually(async () => {
    const row = await rowOf(id, replyId)
    return row.state === 'complete' && row
  }, 30_000)
  expect(end.text.startsWith(text)).toBe(true)
  expect(end.text.length).toBeGreaterThan(text.length)
  expect(other.texts.get(replyId)).toBe(end.text)
  expect(emulator.requests.length).toBe(before + 1)
  await expect(ada.rpc.reply.resume({ id: replyId, revision: end.revision })).rejects.toMatchObject({ code: 'CONFLICT' })
}, 30_000)

test('prompts that come while a reply runs wait their turn, and a waiting one can be stopped', async () => {
  const id = await room()
  const first = await ask(id, '[[chunks=60 every=10]] first')
  const second = await ask(id, '[[chunks=5 every=5]] second')
  const third = await ask(id, '[[chunks=5 every=5]] third')
  expect((await rowOf(id, second)).state).toBe('queued')
  expect((await other.rpc.reply.stop({ id: second })).state).toBe('stopped')
  const ends = [await ada.hearEnd(first), await ada.hearEnd(third)]
  expect(ends.map(({ row }) => row.state)).toEqual(['complete', 'complete'])
  expect(emulator.requests.filter(({ prompt }) => prompt.endsWith('second'))).toEqual([])
  // The third prompt was asked with the first answer before it.
  const { body } = await emulator.waitForRequest(({ prompt }) => prompt.endsWith('third'))
  expect(JSON.stringify(body)).toContain(JSON.stringify(ends[0]?.text.slice(0, 40)).slice(1, -1))
}, 20_000)

test('a prompt that is sent again makes neither a second message nor a second call', async () => {
  const id = await room()
  const input = { id: newId(), conversationId: id, text: `[[chunks=20 every=5]] ${newId()}`, kind: 'prompt' as const, replyId: newId() }
  const answers = await Promise.all([ada, other, ada, other].map((tab) => tab.rpc.message.send(input)))
  for (const { message } of answers) expect(message).toEqual(answers[0]?.message as typeof message)
  await ada.hearEnd(input.replyId)
  const late = await other.rpc.message.send({ ...input, replyId: newId() })
  expect(late.message).toEqual(answers[0]?.message as typeof late.message)
  expect(emulator.requests.filter(({ prompt }) => prompt === input.text)).toHaveLength(1)
  expect((await ada.rpc.conversation.pull({ id, since: 0, limit: 50 })).messages).toHaveLength(2)
})

test('a note is stored, shown to everybody, and never sent to the model', async () => {
  const id = await room()
  await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'only for people', kind: 'note', replyId: newId() })
  await other.hear((frame) => frame[0] === 'message' && frame[1].text === 'only for people')
  await ada.hearEnd(await ask(id, '[[chunks=3 every=1]] after the note'))
  const { rawBody } = await emulator.waitForRequest(({ prompt }) => prompt.endsWith('after the note'))
  expect(rawBody).not.toContain('only for people')
})

const failures: [prompt: string, state: Reply['state'], failure: Partial<Failure>, keepsText: boolean][] = [
  ['[[429=90]]', 'failed', { code: 'rate_limited', retryAfterMs: 90_000 }, false],
  ['[[429-day]]', 'failed', { code: 'quota_used_up' }, false],
  ['[[error-429]]', 'failed', { code: 'rate_limited', retryAfterMs: 31_000 }, true],
  ['[[reset-first]]', 'failed', { code: 'unavailable', status: null }, false],
  ['[[403]]', 'failed', { code: 'key_refused' }, false],
  ['[[404]]', 'failed', { code: 'model_unknown' }, false],
  ['[[400]]', 'failed', { code: 'request_refused', status: 400 }, false],
  ['[[blocked]]', 'failed', { code: 'blocked', reason: 'PROHIBITED_CONTENT', prompt: true }, false],
  ['[[safety]]', 'failed', { code: 'blocked', reason: 'SAFETY', prompt: false }, true],
  ['[[unknown]]', 'failed', { code: 'ended', reason: 'A_REASON_OF_NEXT_YEAR' }, true],
  ['[[error]]', 'failed', { code: 'unavailable' }, true],
  ['[[end]]', 'interrupted', { code: 'cut' }, true],
  ['[[cut]]', 'interrupted', { code: 'cut' }, true],
  ['[[utf8]]', 'interrupted', { code: 'cut' }, true],
  ['[[reset]]', 'interrupted', { code: 'cut' }, true],
]
for (const [prompt, state, failure, keepsText] of failures) {
  test(`${prompt} ends as ${state} with its reason, and the room goes on`, async () => {
    const id = await room()
    const { row, text } = await ada.hearEnd(await ask(id, prompt))
    expect(row.state).toBe(state)
    expect(row.failure).toMatchObject(failure)
    expect(row.text.length > 0).toBe(keepsText)
    expect(text).toBe(row.text)
    expect(row.text).not.toContain('\uFFFD')
    expect((await ada.hearEnd(await ask(id, '[[chunks=3 every=1]] next'))).row.state).toBe('complete')
  })
}

test('an answer at its length limit is complete, says so, and can go on', async () => {
  const id = await room()
  const replyId = await ask(id, '[[max]] at length')
  const { row } = await ada.hearEnd(replyId)
  expect(row).toMatchObject({ state: 'complete', truncated: true, failure: null })
  expect((await ada.rpc.reply.resume({ id: replyId, revision: row.revision })).state).toBe('queued')
  await other.hear((frame) => frame[0] === 'message' && frame[1].id === replyId && frame[1].revision > row.revision + 1)
})

const callsFor = (prompt: string) => emulator.requests.filter((request) => request.prompt === prompt).length

/** The row that says why the model is asked again, and when. */
async function waitingRow(replyId: string): Promise<Reply> {
  const frame = await other.hear(
    (heard) => heard[0] === 'message' && heard[1].id === replyId && heard[1].kind === 'reply' && heard[1].retryAt !== null,
  )
  if (frame[0] !== 'message' || frame[1].kind !== 'reply') throw new Error('not the row of a reply')
  return frame[1]
}

for (const [name, prompt, failure] of [
  ['asks for a second', '[[429-once=1]] a little later', { code: 'rate_limited', retryAfterMs: 1_000 }],
  ['is overloaded', '[[503-once]] please', { code: 'unavailable', status: 503 }],
] as const) {
  test(`a model that ${name} is asked again by itself, and everybody sees why and when`, async () => {
    const id = await room()
    const replyId = await ask(id, prompt)
    const waiting = await waitingRow(replyId)
    expect(waiting).toMatchObject({ state: 'streaming', text: '', failure, finishedAt: null })
    const waitMs = (waiting.retryAt ?? 0) - Date.now()
    expect(waitMs).toBeGreaterThan(500)
    expect(waitMs).toBeLessThanOrEqual(1_500)
    expect(callsFor(prompt)).toBe(1)
    const { row, text } = await ada.hearEnd(replyId)
    expect(row).toMatchObject({ state: 'complete', failure: null, retryAt: null, text })
    expect(callsFor(prompt)).toBe(2)
  })
}

test('a model that stays overloaded is asked three times, the room goes on, and a person may ask once more', async () => {
  const id = await room()
  const prompt = '[[503]] for good'
  const replyId = await ask(id, prompt)
  const { row } = await ada.hearEnd(replyId)
  expect(row).toMatchObject({ state: 'failed', failure: { code: 'unavailable', status: 503 }, retryAt: null, text: '' })
  expect(callsFor(prompt)).toBe(3)
  emulator.script.push((answer) => answer.write('At last.').then(() => answer.finish()))
  await ada.rpc.reply.resume({ id: replyId, revision: row.revision })
  const end = await eventually(async () => {
    const now = await rowOf(id, replyId)
    return now.state === 'complete' && now
  })
  expect(end).toMatchObject({ text: 'At last.', failure: null })
  expect(callsFor(prompt)).toBe(4)
}, 30_000)

test('a wait for the model is ended at once by a stop, and asking again then does not wait', async () => {
  const id = await room()
  const prompt = '[[429-once]] half a minute'
  const replyId = await ask(id, prompt)
  expect((await waitingRow(replyId)).failure).toEqual({ code: 'rate_limited', retryAfterMs: 31_000 })
  const start = performance.now()
  const stopped = await other.rpc.reply.stop({ id: replyId })
  // Of the half minute.
  expect(performance.now() - start).toBeLessThan(15_000)
  expect(stopped).toMatchObject({ state: 'stopped', stoppedBy: { name: 'Ada' }, failure: null, retryAt: null })
  expect(callsFor(prompt)).toBe(1)
  await ada.rpc.reply.resume({ id: replyId, revision: stopped.revision })
  await eventually(async () => (await rowOf(id, replyId)).state === 'complete', 5_000)
  expect(callsFor(prompt)).toBe(2)
})

test('a model that falls silent is waited for so long and no longer; its text stays', async () => {
  const id = await room()
  const { row } = await ada.hearEnd(await ask(id, '[[stall]]'), 60_000)
  expect(row).toMatchObject({ state: 'interrupted', failure: { code: 'silent', afterMs: 45_000 } })
  expect(row.text).not.toBe('')
}, 90_000)

test('a room that is removed takes its running reply with it', async () => {
  const id = await room()
  const replyId = await ask(id, '[[chunks=500 every=10]] to be removed')
  await ada.hearText(replyId, (text) => text.length > 20)
  await ada.rpc.conversation.remove({ id })
  await other.hear((frame) => frame[0] === 'gone' && frame[1] === id)
  await emulator.waitForDisconnect(({ prompt }) => prompt.endsWith('to be removed'))
  await expect(ada.rpc.conversation.join({ id, since: 0, limit: 10 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
