import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { type Answer, type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* Titles that a model finds: by the wire, with the real server and a model that gives them, refuses them, or takes its time. */

const give =
  (text: string) =>
  async (answer: Answer): Promise<void> => {
    await answer.write(text)
    await answer.finish()
  }

let emulator: Emulator
let server: TestServer
let cookie: string
let wire: TestClient
/** How the next titles are given. */
let title: (answer: Answer) => Promise<void> | void = give('“A fine title.”\n')

beforeAll(async () => {
  emulator = await startEmulator({ title: (answer) => title(answer) })
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  ;({ cookie } = await enter(server))
  wire = await connect(server, cookie)
}, 60_000)
beforeEach(() => {
  title = give('“A fine title.”\n')
})
afterAll(async () => {
  await server?.stop()
  await emulator?.stop()
}, 30_000)

async function room(fields: { title?: string; dayTokens?: number } = {}): Promise<string> {
  const id = newId()
  await wire.rpc.conversation.create({ id, ...fields })
  await wire.join(id)
  return id
}

/** Asks, and waits for the end of the answer. */
async function ask(conversationId: string, text: string) {
  const replyId = newId()
  await wire.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId })
  return (await wire.hearEnd(replyId)).row
}

const asked = (prompt: string) => emulator.titles.filter(({ rawBody }) => rawBody.includes(prompt)).length
const titleOf = async (id: string) => (await wire.rpc.conversation.pull({ id, since: 0, limit: 1 })).conversation.title
const called = (id: string, wanted: string) =>
  wire.hear((frame) => frame[0] === 'conversation' && frame[1].id === id && frame[1].title === wanted)

test('the first complete reply gives a room its title: on one line, without quotation marks, told to everybody, counted, and once', async () => {
  const id = await room()
  const prompt = `What grows in the shade? ${newId()}`
  const reply = await ask(id, prompt)
  await called(id, 'A fine title')
  expect(asked(prompt)).toBe(1)
  expect(emulator.titles.at(-1)?.rawBody).toContain(JSON.stringify(reply.text).slice(1, 40))
  const { rows } = await wire.rpc.usage.report({ days: 1 })
  const used = rows.filter(({ conversation }) => conversation.id === id)
  const both = [...emulator.requests, ...emulator.titles].filter(({ rawBody }) => rawBody.includes(prompt))
  expect(used.reduce((sum, { calls }) => sum + calls, 0)).toBe(2)
  expect(used.reduce((sum, { total }) => sum + total, 0)).toBe(both.reduce((sum, { usage }) => sum + (usage?.total ?? 0), 0))
  await ask(id, `And in the sun? ${newId()}`)
  await ask(id, `And at night? ${newId()}`)
  expect(asked(prompt)).toBe(1)
  // Another title is not the newest thing that was said.
  expect((await wire.rpc.conversation.pull({ id, since: 0, limit: 1 })).conversation.last?.name).toBe('Gemini')
})

test('whoever chooses a title keeps it: before, in the middle of it, and when it is the same', async () => {
  const named = await room({ title: 'Mine' })
  const first = `Of a named room ${newId()}`
  await ask(named, first)

  const held = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  title = async (answer) => {
    begun.resolve()
    await held.promise
    await give('Too late')(answer)
  }
  const renamed = await room()
  const second = `Renamed meanwhile ${newId()}`
  await ask(renamed, second)
  await begun.promise
  await wire.rpc.conversation.update({ id: renamed, title: 'Chosen' })
  held.resolve()
  await eventually(() => emulator.titles.at(-1)?.finished === true)

  const same = await room()
  const third = `The same one ${newId()}`
  await wire.rpc.message.send({ id: newId(), conversationId: same, text: third, kind: 'note', replyId: newId() })
  await wire.rpc.conversation.update({ id: same, title: 'Said before' })
  await wire.rpc.conversation.update({ id: same, title: 'Said before' })
  await ask(same, third)
  expect([asked(first), asked(second), asked(third)]).toEqual([0, 1, 0])
  expect(await Promise.all([named, renamed, same].map(titleOf))).toEqual(['Mine', 'Chosen', 'Said before'])
})

test('only a complete reply has a title looked for, and a model that refuses one is not asked again', async () => {
  title = (answer) => answer.cut()
  const id = await room()
  const prompt = `Refused at first ${newId()} [[403]]`
  expect((await ask(id, prompt)).state).toBe('failed')
  const second = `Then answered ${newId()}`
  await ask(id, second)
  await eventually(() => asked(second) === 1)
  const third = `And again ${newId()}`
  await ask(id, third)
  expect([asked(prompt), asked(third)]).toEqual([0, 0])
  expect(await titleOf(id)).toStartWith('Refused at first')
  expect(server.logs()).not.toContain('"level":"error"')
})

test('where the tokens of the day are used up, nobody is asked for a title', async () => {
  const id = await room({ dayTokens: 1 })
  const prompt = `The last one today ${newId()}`
  expect((await ask(id, prompt)).state).toBe('complete')
  // Behind it in line: when this one was refused, that one was decided.
  expect((await ask(id, `One too many ${newId()}`)).state).toBe('failed')
  expect(asked(prompt)).toBe(0)
  expect(await titleOf(id)).toStartWith('The last one today')
})

test('a model that says too much, or nothing, gives no title', async () => {
  for (const words of ['word '.repeat(400), '', '\n ** \n', '""']) {
    title = give(words)
    const id = await room()
    const prompt = `Odd words ${newId()}`
    await ask(id, prompt)
    await eventually(() =>
      emulator.titles.some(({ rawBody, finished, disconnected }) => rawBody.includes(prompt) && (finished || disconnected)),
    )
    await ask(id, `Another ${newId()}`)
    expect(await titleOf(id)).toStartWith('Odd words')
  }
})

test('a server that is killed while a title is found does not ask for it again, and the room keeps the one it had', async () => {
  title = () => new Promise(() => {})
  const id = await room()
  const prompt = `Before the crash ${newId()}`
  await ask(id, prompt)
  await eventually(() => asked(prompt) === 1)
  await server.kill()
  await server.restart()
  wire = await connect(server, cookie)
  await wire.join(id)
  title = give('After the crash')
  await ask(id, `After it ${newId()}`)
  await ask(id, `And once more ${newId()}`)
  expect(asked(prompt)).toBe(1)
  expect(await titleOf(id)).toStartWith('Before the crash')
  // It was asked for, and is paid for.
  const { rows } = await wire.rpc.usage.report({ days: 1 })
  expect(rows.filter(({ conversation }) => conversation.id === id).reduce((sum, { calls }) => sum + calls, 0)).toBe(4)
}, 30_000)
