import { expect } from 'bun:test'
import { isOpen, newId, type Message } from '#contract'
import { sendPrompt } from '../../web/store/commands.ts'
import { useStore } from '../../web/store/store.ts'
import { connect } from '../support/client.ts'
import type { Emulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import type { Entered } from '../support/people.ts'
import { openProxiedTab, sendCookies } from '../support/proxied-tab.ts'
import type { TestServer } from '../support/server.ts'
import { createLocks } from '../support/tab.ts'

const EVERY_MS = 100
/** A store holds what is written in the moment of the outage's beginning or end this much later. */
const STORED_MS = 2_000

type Outage = { readonly awayMs: number; readonly sends: number; readonly begin: () => void; readonly end: () => void }

/**
 * The product's own client while the server has no database for `awayMs`: what is written waits, and is taken once and in its order when the
 * database is back; the answer that was running is read to its last word meanwhile, and written afterwards. Returns the milliseconds from the
 * end of the outage until everything was so.
 */
export async function outage(place: { server: TestServer; ada: Entered; emulator: Emulator }, away: Outage): Promise<number> {
  const { server, ada, emulator } = place
  const undo = sendCookies()
  const control = await connect(server, ada.cookie)
  const conversationId = newId()
  await control.rpc.conversation.create({ id: conversationId })
  const tab = await openProxiedTab({ server, person: ada.person, cookie: ada.cookie, locks: createLocks().locks, random: () => 0.5 })
  const { db } = tab.store
  const rowOf = (id: string) => db.messages.get(id)
  try {
    tab.goTo(conversationId)
    useStore(tab.store)
    // It begins with the database and ends in the middle of the outage.
    const chunks = Math.floor((away.awayMs * 0.6) / EVERY_MS)
    const running = await ask(conversationId, `[[chunks=${chunks} every=${EVERY_MS} units=${chunks * 20}]] ${newId()}`)
    await eventually(async () => (await control.rpc.conversation.pull({ id: conversationId, since: 0, limit: 10 })).messages.some(streams))
    const reply = await eventually(async () => (await db.messages.toArray()).find(streams))
    away.begin()
    const start = performance.now()
    const sent: { id: string; text: string }[] = []
    let seen = 0
    try {
      for (let index = 0; index < away.sends; index++) {
        sent.push(await ask(conversationId, `[[chunks=3 every=5]] ${index} ${newId()}`))
        await eventually(() => performance.now() - start > (away.awayMs / away.sends) * (index + 1), away.awayMs)
        const { length } = (await rowOf(reply.id))?.text ?? ''
        if (index < away.sends / 2) expect(length).toBeGreaterThan(seen)
        seen = length
        expect((await fetch(new URL('/healthz', server.url))).status).toBe(503)
      }
      // Every row is there to be read, each with its state; nothing was refused and nothing pretends to be sent.
      for (const { id, text } of sent) expect(await rowOf(id)).toMatchObject({ text, position: expect.any(Number) })
      expect((await db.outbox.toArray()).map(({ state }) => state)).toEqual(sent.map(() => 'waiting'))
      expect(emulator.requests.find(({ prompt }) => prompt === running.text)?.finished).toBe(true)
    } finally {
      away.end()
    }
    const back = performance.now()
    await eventually(async () => (await db.outbox.count()) === 0, 40_000)
    const stored = await eventually(async () => {
      const { messages } = await control.rpc.conversation.pull({ id: conversationId, since: 0, limit: 200 })
      return messages.some((row) => row.kind === 'reply' && isOpen(row.state)) ? null : messages
    }, 40_000)
    const tookMs = performance.now() - back
    const prompts = stored.filter(({ kind }) => kind === 'prompt').toSorted((one, other) => one.position - other.position)
    expect(prompts.map(({ id, text }) => ({ id, text }))).toEqual([running, ...sent])
    const replies = stored.filter((row) => row.kind === 'reply')
    expect(replies.map(({ state }) => state)).toEqual(prompts.map(() => 'complete'))
    expect(replies.find(({ id }) => id === reply.id)?.text.length).toBeGreaterThanOrEqual(chunks * 20)
    for (const { text } of prompts) expect(emulator.requests.filter(({ prompt }) => prompt === text)).toHaveLength(1)
    // What this device keeps is what the database has.
    await eventually(async () => {
      for (const { id, text, revision } of stored) expect(await rowOf(id)).toMatchObject({ text, revision })
      return true
    }, STORED_MS)
    return tookMs
  } finally {
    await control.close()
    await tab.stop()
    undo()
  }
}

async function ask(conversationId: string, text: string): Promise<{ id: string; text: string }> {
  return { id: await sendPrompt(conversationId, text), text }
}

function streams(row: Pick<Message, 'kind'> & { state?: unknown }): boolean {
  return row.kind === 'reply' && row.state === 'streaming'
}
