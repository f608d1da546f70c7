import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

const SHAPE = 'chunks=220 every=8'
const STREAMS = [
  [`[[${SHAPE} units=2000]]`, 2_000],
  [`[[${SHAPE} units=2000 cjk]]`, 2_000],
  [`[[${SHAPE} units=2000 emoji]]`, 2_000],
  ['[[surrogates every=2 units=1200]]', 1_200],
] as const
const JOINERS_PER_STREAM = 50

let emulator: Emulator
let server: TestServer
let cookie = ''
let writer: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  cookie = (await enter(server)).cookie
  writer = await connect(server, cookie)
}, 60_000)

afterAll(async () => {
  await server.stop()
  await emulator.stop()
}, 30_000)

for (const [prompt, units] of STREAMS) {
  test(`${JOINERS_PER_STREAM} tabs that join at any moment of "${prompt}" have its exact text`, async () => {
    const conversationId = newId()
    const replyId = newId()
    await writer.rpc.conversation.create({ id: conversationId })
    await writer.join(conversationId)
    const tabs = await Promise.all(Array.from({ length: JOINERS_PER_STREAM }, () => connect(server, cookie)))
    await writer.rpc.message.send({ id: newId(), conversationId, text: prompt, kind: 'prompt', replyId })

    // Each tab joins when the answer has grown to a length of its own, from before its first unit to after its last.
    const lengths: number[] = []
    let middle = 0
    const texts = tabs.map(async (tab, index) => {
      const joinAt = (index / JOINERS_PER_STREAM) * units * 1.1 - units / 20
      if (joinAt > 0) await Promise.race([writer.hearText(replyId, (text) => text.length >= joinAt, 30_000), writer.hearEnd(replyId)])
      const joined = await tab.join(conversationId)
      const live = joined.live.find(({ id }) => id === replyId)
      if (live) middle++
      lengths.push(live?.text.length ?? -1)
      const row = joined.messages.find(({ id }) => id === replyId)
      if (row?.kind === 'reply' && row.finishedAt !== null) return row.text
      return (await tab.hearEnd(replyId)).text
    })
    const all = await Promise.all(texts)
    const { text, row } = await writer.hearEnd(replyId)

    expect(row.state).toBe('complete')
    expect(text.length).toBeGreaterThan(500)
    expect(text.isWellFormed()).toBe(true)
    expect(row.text).toBe(text)
    for (const [index, tab] of tabs.entries()) {
      expect(all[index]).toBe(text)
      expect(tab.texts.get(replyId)).toBe(text)
    }
    expect((await writer.rpc.conversation.history({ id: conversationId, before: row.position + 1, limit: 1 })).messages[0]?.text).toBe(text)
    // The test is worth something only when most tabs came in the middle, at many different places.
    expect(middle).toBeGreaterThan(JOINERS_PER_STREAM / 2)
    expect(new Set(lengths).size).toBeGreaterThan(JOINERS_PER_STREAM / 8)
    await Promise.all(tabs.map((tab) => tab.close()))
  }, 60_000)
}
