import { expect } from 'bun:test'
import { isOpen, type Message, newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

const PROMPT = '[[chunks=120 every=5 size=9 emoji]]'
/** A room gets so many rounds, so that what is read back and asked stays small. */
const ROUNDS_PER_ROOM = 10

/** What clients know for certain: messages that were acknowledged, and the longest text of each reply that anybody held. */
type Knowledge = { readonly acknowledged: Map<string, string>; readonly seen: Map<string, string>; readonly asked: Set<string> }

/**
 * Kills the server `rounds` times with SIGKILL at random moments while it streams, and after each restart holds what it serves against
 * everything that any client ever knew. Returns the times from the start of a new process to a served call, in milliseconds.
 */
export async function killAndCheck(options: { rounds: number; env: Record<string, string>; seed: number }): Promise<number[]> {
  const random = seeded(options.seed)
  const emulator = await startEmulator()
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, ...options.env } })
  try {
    const { cookie } = await enter(server)
    let conversationId = newId()
    let known = nothingKnown()
    const asked = new Set<string>()
    const times: number[] = []
    for (let round = 0; round < options.rounds; round++) {
      if (round % ROUNDS_PER_ROOM === 0) {
        conversationId = newId()
        known = { ...nothingKnown(), asked }
        const first = await connect(server, cookie)
        await first.rpc.conversation.create({ id: conversationId })
        await first.close()
      }
      await streamAndKill({ server, cookie, conversationId, known, random })
      const start = performance.now()
      await server.restart()
      const client = await connect(server, cookie)
      await client.rpc.session.me({})
      times.push(performance.now() - start)
      await check(client, conversationId, known)
      await client.close()
    }
    checkCalls(known, emulator)
    return times
  } finally {
    await server.stop()
    await emulator.stop()
  }
}

function nothingKnown(): Knowledge {
  return { acknowledged: new Map(), seen: new Map(), asked: new Set() }
}

async function streamAndKill(o: { server: TestServer; cookie: string; conversationId: string; known: Knowledge; random: () => number }) {
  const { server, cookie, conversationId, known, random } = o
  const tabs = await Promise.all([connect(server, cookie), connect(server, cookie)])
  for (const tab of tabs) await tab.join(conversationId)
  // One prompt is acknowledged; a second may or may not be by the time of the kill.
  const ask = async (tab: TestClient) => {
    const input = { id: newId(), conversationId, text: `${PROMPT} ${newId()}`, kind: 'prompt' as const, replyId: newId() }
    known.asked.add(input.text)
    await tab.rpc.message.send(input)
    known.acknowledged.set(input.id, input.text)
    return input.replyId
  }
  const [one, two] = tabs
  if (!one || !two) throw new Error('no tabs')
  const replyId = await ask(one)
  const second = ask(two).catch(() => null)
  const length = Math.floor(random() * 900)
  await Promise.race([one.hearText(replyId, (text) => text.length >= length, 20_000), one.hearEnd(replyId)])
  await server.kill()
  await second
  for (const tab of tabs) {
    await tab.closed
    for (const [id, text] of tab.texts) if (text.length >= (known.seen.get(id)?.length ?? 0)) known.seen.set(id, text)
  }
}

async function check(client: TestClient, conversationId: string, known: Knowledge) {
  const joined = await client.join(conversationId, 0, 200)
  const rows = new Map<string, Message>()
  for (const row of joined.messages) rows.set(row.id, row)
  for (let before = Math.min(...joined.messages.map(({ position }) => position)), more = joined.more; more;) {
    const page = await client.rpc.conversation.history({ id: conversationId, before, limit: 200 })
    for (const row of page.messages) rows.set(row.id, row)
    before = Math.min(before, ...page.messages.map(({ position }) => position))
    more = page.more
  }
  // Replies that were still waiting start by themselves; let them end.
  for (const row of rows.values()) {
    if (row.kind !== 'reply' || !isOpen(row.state)) continue
    expect(row.state === 'queued' || joined.live.some(({ id }) => id === row.id)).toBe(true)
    rows.set(row.id, (await client.hearEnd(row.id, 30_000)).row)
  }
  for (const [id, text] of known.acknowledged) expect(rows.get(id)?.text).toBe(text)
  for (const [id, text] of known.seen) expect(rows.get(id)?.text.slice(0, text.length)).toBe(text)
  const positions = Array.from(rows.values(), ({ position }) => position)
  expect(new Set(positions).size).toBe(positions.length)
}

/** A prompt is asked of the model at most once, killed or not. */
function checkCalls(known: Knowledge, emulator: Emulator) {
  const calls = new Map<string, number>()
  for (const { prompt } of emulator.requests) {
    // Prompts whose replies said nothing stand before it in the same turn.
    const last = prompt.split('\n\n').at(-1) ?? ''
    calls.set(last, (calls.get(last) ?? 0) + 1)
  }
  for (const text of known.asked) expect([text, (calls.get(text) ?? 0) <= 1]).toEqual([text, true])
  expect(calls.size).toBeGreaterThan(known.asked.size / 3)
}

/** Mulberry32: a small generator whose runs can be repeated by their seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
