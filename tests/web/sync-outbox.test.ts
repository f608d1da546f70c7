import { afterEach, describe, expect, test } from 'bun:test'
import { ORPCError } from '@orpc/server'
import { newId } from '#contract'
import { newConversation, renameConversation, resumeReply, retrySend, sendPrompt, stopReply } from '../../web/store/commands.ts'
import { saveDraft } from '../../web/store/drafts.ts'
import { draft, messages, unsent } from '../../web/store/queries.ts'
import { removeRooms } from '../../web/store/removing.ts'
import { openStore } from '../../web/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ModelServer } from '../support/model-server.ts'
import { createLocks, openTab, type Tab } from '../support/tab.ts'

const tabs: Tab[] = []
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.stop()
})

function tab(...values: Parameters<typeof openTab>): Tab {
  const opened = openTab(...values)
  tabs.push(opened)
  return opened
}

/** A server, and the store that commands and queries of this file write to: a tab without an engine. */
function setup() {
  const server = new ModelServer()
  openStore(server.person.id)
  return server
}

const sent = (server: ModelServer, id: string) => server.room(id).rows.flatMap((row) => (row.kind === 'prompt' ? [row.text] : []))
const empty = async () => (await unsent()).length === 0
const refusals = {
  busy: () => new ORPCError('BUSY', { defined: true, status: 429, data: { limit: 20 } }),
  unavailable: () => new ORPCError('UNAVAILABLE', { defined: true, status: 503, data: { what: 'database' } }),
  tooOften: () => new ORPCError('RATE_LIMITED', { defined: true, status: 429, data: { retryAfterMs: 120 } }),
  forbidden: () => new ORPCError('FORBIDDEN', { defined: true, status: 403 }),
}

describe('the outbox', () => {
  test('carries out what was done offline, in its order: a room, its messages, its name', async () => {
    const server = setup()
    const id = await newConversation()
    for (const text of ['one', 'two', 'three']) await sendPrompt(id, text)
    await renameConversation(id, 'A room')
    const one = tab(server, id)
    one.line.connect()
    await eventually(empty)
    expect(sent(server, id)).toEqual(['one', 'two', 'three'])
    expect(server.room(id).row.title).toBe('A room')
    const shown = await messages(id, 10)
    expect(shown.messages.map(({ delivery }) => delivery)).toEqual(Array(6).fill('sent'))
    await eventually(async () => (await one.store.db.rooms.get(id))?.cursor === server.room(id).row.revision)
  })

  test('reacts to a command at once, from any tab', async () => {
    const server = setup()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(() => one.store.connection.current === 'online')
    await sendPrompt(id, 'now')
    await eventually(() => sent(server, id).length === 1, 1_000)
    await eventually(empty)
  })

  test('sends every message exactly once and in order, though answers and connections are lost again and again', async () => {
    const server = setup()
    const { id } = server.open().row
    const other = server.open().row.id
    const shared = createLocks()
    const open = [tab(server, id, { locks: shared.locks }), tab(server, other, { locks: shared.locks })]
    let count = 0
    for (const { line } of open) {
      line.passes = (direction, text) => !(text.includes('"b"') && direction === 'toClient' && ++count % 5 === 0)
      line.addEventListener('close', () => queueMicrotask(() => line.connect()))
      line.connect()
    }
    const written = Array.from({ length: 15 }, (_, index) => `m${index}`)
    for (const text of written) {
      await sendPrompt(id, text)
      await sendPrompt(other, text)
    }
    await eventually(empty, 20_000)
    expect(sent(server, id)).toEqual(written)
    expect(sent(server, other)).toEqual(written)
    expect(shared.most).toBeLessThanOrEqual(open.length)
  }, 30_000)

  test('asks for the lock once per tab, whatever happens meanwhile', async () => {
    const server = setup()
    const { id } = server.open().row
    const shared = createLocks()
    const one = tab(server, id, { locks: shared.locks })
    one.line.connect()
    await eventually(() => one.store.connection.current === 'online')
    const gate = Promise.withResolvers<void>()
    server.before = (procedure) => (procedure === 'message.send' ? gate.promise : undefined)
    for (let index = 0; index < 5; index++) await sendPrompt(id, `m${index}`)
    await eventually(() => server.calls.some((call) => call.startsWith('message.send')))
    one.line.cut()
    one.line.connect()
    await eventually(() => one.store.connection.current === 'online')
    gate.resolve()
    await eventually(empty)
    expect(shared.most).toBe(1)
    expect(sent(server, id)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
  })

  test('goes on after the storage of the browser has failed for a moment', async () => {
    const server = setup()
    const { id } = server.open().row
    const clock = new FakeClock()
    const one = tab(server, id, { clock })
    const within = (condition: () => boolean | Promise<boolean>) =>
      eventually(async () => {
        clock.advance(20)
        return condition()
      })
    one.line.connect()
    await within(() => one.store.connection.current === 'online')
    let failures = 0
    const fail = (row: unknown) => {
      if (failures++ < 4) throw new DOMException('the disk is gone', 'UnknownError')
      return row
    }
    one.store.db.outbox.hook('reading', fail)
    await sendPrompt(id, 'written meanwhile')
    await within(() => failures >= 4)
    one.store.db.outbox.hook('reading').unsubscribe(fail)
    await sendPrompt(id, 'written later')
    await within(empty)
    expect(sent(server, id)).toEqual(['written meanwhile', 'written later'])
  })

  test('works without locks, as on a page of plain http', async () => {
    const server = setup()
    const { id } = server.open().row
    const open = [tab(server, id), tab(server, id)]
    for (const { line } of open) line.connect()
    for (let index = 0; index < 10; index++) await sendPrompt(id, `m${index}`)
    await eventually(empty)
    expect(sent(server, id)).toEqual(Array.from({ length: 10 }, (_, index) => `m${index}`))
  })

  test('marks what is refused for good, goes on with the rest, and sends it again when asked to', async () => {
    const server = setup()
    const { id } = server.open().row
    const one = tab(server, id)
    const refused = await sendPrompt(id, 'refused')
    await sendPrompt(id, 'taken')
    server.before = (procedure, call) => {
      if (procedure === 'message.send' && call === refused) throw refusals.forbidden()
    }
    one.line.connect()
    await eventually(() => sent(server, id).length === 1)
    await eventually(async () => (await unsent())[0]?.state === 'failed' && (await unsent()).length === 1)
    expect((await unsent())[0]?.failure).toEqual({ code: 'forbidden' })
    expect((await messages(id, 9)).messages.at(-1)).toMatchObject({ text: 'refused', delivery: 'failed' })
    server.before = () => undefined
    await retrySend(refused)
    await eventually(empty)
    expect(sent(server, id)).toEqual(['taken', 'refused'])
  })

  test('fails what belongs to a room that could not be made, and all of it goes when it is sent again', async () => {
    const server = setup()
    const id = await newConversation()
    const message = await sendPrompt(id, 'hello')
    server.before = (procedure) => {
      if (procedure === 'conversation.create') throw new ORPCError('CONFLICT', { defined: true, status: 409, data: { reason: 'id_taken' } })
    }
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await unsent()).every(({ state }) => state === 'failed'))
    expect((await messages(id, 9)).messages).toMatchObject([{ delivery: 'failed' }])
    expect(server.calls.some((call) => call.startsWith('message.send'))).toBe(false)
    server.before = () => undefined
    await retrySend(message)
    await eventually(empty)
    expect(sent(server, id)).toEqual(['hello'])
  })

  test('waits with a room that is full, while others go on and a stop overtakes', async () => {
    const server = setup()
    const full = server.open().row.id
    const free = server.open().row.id
    server.room(full).send(server.person, 'running')
    const [reply] = server.room(full).open
    const one = tab(server, full)
    one.line.connect()
    await eventually(async () => (await one.store.db.rooms.get(full))?.cursor === 3)
    let busy = true
    server.before = (procedure, id) => {
      if (procedure === 'message.send' && busy && id === first) throw refusals.busy()
    }
    const first = await sendPrompt(full, 'first')
    await sendPrompt(full, 'second')
    await sendPrompt(free, 'free')
    await eventually(() => sent(server, free).length === 1)
    await stopReply(reply?.id ?? '')
    await eventually(() => server.room(full).open.length === 0)
    expect(sent(server, full)).toEqual(['running'])
    expect((await messages(full, 9)).messages.slice(-2).map(({ delivery }) => delivery)).toEqual(['pending', 'pending'])
    busy = false
    await eventually(empty)
    expect(sent(server, full)).toEqual(['running', 'first', 'second'])
  })

  test('stops and resumes at once, whatever hangs before it, and only once for all tabs', async () => {
    const server = setup()
    const room = server.open()
    const { id } = room.row
    room.send(server.person, 'running')
    const reply = room.open[0]?.id ?? ''
    const shared = createLocks()
    const open = [tab(server, id, { locks: shared.locks }), tab(server, id, { locks: shared.locks })]
    for (const { line } of open) line.connect()
    for (const { store } of open) await eventually(async () => (await store.db.rooms.get(id))?.cursor === 3)
    const gate = Promise.withResolvers<void>()
    server.before = (procedure) => (procedure === 'message.send' ? gate.promise : undefined)
    await sendPrompt(id, 'hangs')
    await eventually(() => server.calls.some((call) => call.startsWith('message.send')))
    await stopReply(reply)
    await eventually(() => room.reply(reply).state === 'stopped')
    await eventually(async () => (await unsent()).length === 1)
    await resumeReply(reply)
    await eventually(() => room.reply(reply).state === 'queued')
    gate.resolve()
    await eventually(empty)
    expect(sent(server, id)).toEqual(['running', 'hangs'])
    expect(server.calls.filter((call) => call.startsWith('reply.'))).toEqual([`reply.stop ${reply}`, `reply.resume ${reply}`])
  })

  test('does not ask again for a stop that has come about, though its answer was lost', async () => {
    const server = setup()
    const room = server.open()
    const { id } = room.row
    room.send(server.person, 'running')
    const reply = room.open[0]?.id ?? ''
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await one.store.db.rooms.get(id))?.cursor === 3)
    // The stop is carried out, and neither its answer nor its frame arrives.
    one.line.passes = (direction) => direction === 'toServer'
    await stopReply(reply)
    await eventually(() => one.line.state === 'waiting')
    expect(room.reply(reply).state).toBe('stopped')
    one.line.passes = () => true
    const greeting = Promise.withResolvers<void>()
    server.before = (procedure) => (procedure === 'session.me' ? greeting.promise : undefined)
    one.line.connect()
    // The room is there before the outbox may go; then somebody else lets the reply go on.
    await eventually(empty)
    server.publish(id, room.resume(reply))
    greeting.resolve()
    await eventually(() => one.store.connection.current === 'online')
    await sendPrompt(id, 'next')
    await eventually(empty)
    expect(server.calls.filter((call) => call.startsWith('reply.'))).toEqual([`reply.stop ${reply}`])
    expect(room.reply(reply).state).toBe('queued')
  })

  test('tries again while the server is unavailable, and gives up what makes it fail every time', async () => {
    const server = setup()
    const { id } = server.open().row
    const poison = await sendPrompt(id, 'poison')
    await sendPrompt(id, 'fine')
    let unavailable = 3
    server.before = (procedure, call) => {
      if (procedure !== 'message.send') return
      if (unavailable-- > 0) throw refusals.unavailable()
      if (call === poison) throw new Error('a bug')
    }
    const one = tab(server, id)
    one.line.connect()
    await eventually(() => sent(server, id).length === 1)
    await eventually(async () => (await unsent()).length === 1)
    expect(await unsent()).toMatchObject([{ state: 'failed', failure: { code: 'internal' } }])
    expect(server.calls.filter((call) => call === `message.send ${poison}`)).toHaveLength(3 + 5)
  })

  test('comes again when it is told to, in its order, and gives nothing up for having been too quick', async () => {
    const server = setup()
    const { id } = server.open().row
    for (const text of ['one', 'two', 'three']) await sendPrompt(id, text)
    const tries: number[] = []
    server.before = (procedure) => {
      if (procedure !== 'message.send') return
      tries.push(performance.now())
      if (tries.length <= 8) throw refusals.tooOften()
    }
    tab(server, id).line.connect()
    await eventually(empty)
    expect(sent(server, id)).toEqual(['one', 'two', 'three'])
    expect(tries).toHaveLength(8 + 3)
    for (let index = 1; index <= 8; index++) expect((tries[index] ?? 0) - (tries[index - 1] ?? 0)).toBeGreaterThan(110)
  })

  test('takes back a name and a removal that are refused', async () => {
    const server = setup()
    const room = server.open()
    const { id } = room.row
    room.rename('Theirs')
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await one.store.db.conversations.get(id))?.title === 'Theirs')
    server.before = (procedure) => {
      if (procedure === 'conversation.update' || procedure === 'conversation.remove') throw refusals.forbidden()
    }
    await renameConversation(id, 'Mine')
    await eventually(async () => (await one.store.db.conversations.get(id))?.title === 'Theirs')
    await removeRooms([id], 0)
    await eventually(async () => (await one.store.db.conversations.get(id))?.deleted === false)
    expect(await empty()).toBe(true)
  })

  test('sends what was kept back for a removal when that is refused', async () => {
    const server = setup()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await one.store.db.rooms.get(id))?.cursor === server.room(id).row.revision)
    one.line.cut()
    await sendPrompt(id, 'kept back')
    await saveDraft(id, 'unfinished')
    await removeRooms([id], 0)
    server.before = (procedure) => {
      if (procedure === 'conversation.remove') throw refusals.forbidden()
    }
    one.line.connect()
    await eventually(empty)
    await eventually(async () => (await one.store.db.conversations.get(id))?.deleted === false)
    expect(sent(server, id)).toEqual(['kept back'])
    expect(await draft(id)).toBe('unfinished')
    const calls = server.calls.filter((call) => /^(message.send|conversation.remove)/.test(call)).map((call) => call.split(' ')[0])
    expect(calls).toEqual(['conversation.remove', 'message.send'])
  })

  test('removes a room that was made offline and never said to be there', async () => {
    const server = setup()
    const id = await newConversation()
    await sendPrompt(id, 'never mind')
    await removeRooms([id], 0)
    const one = tab(server)
    one.line.connect()
    await eventually(empty)
    await eventually(async () => (await one.store.db.conversations.filter(({ deleted }) => !deleted).count()) === 0)
    expect(server.rooms.size).toBe(0)
    expect(server.calls.some((call) => call.startsWith('message.send'))).toBe(false)
  })

  test('lets a reply go on', async () => {
    const server = setup()
    const room = server.open()
    room.send(server.person, 'question')
    const id = room.open[0]?.id ?? newId()
    room.finish(id, 'stopped')
    const one = tab(server, room.row.id)
    one.line.connect()
    await eventually(async () => (await one.store.db.rooms.get(room.row.id))?.cursor === room.row.revision)
    await resumeReply(id)
    await eventually(empty)
    await eventually(async () => {
      const row = await one.store.db.messages.get(id)
      return row?.kind === 'reply' && row.state === 'queued'
    })
  })
})
