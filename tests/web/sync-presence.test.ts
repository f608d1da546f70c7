import { afterEach, describe, expect, test } from 'bun:test'
import { ORPCError } from '@orpc/server'
import { type Member, newId, TYPING } from '#contract'
import { RefusedError } from '../../web/lib/refused.ts'
import { draft, membership, people } from '../../web/store/queries.ts'
import { apply } from '../../web/store/apply.ts'
import { markRead } from '../../web/store/reading.ts'
import { ask, tellTyping } from '../../web/store/requests.ts'
import { withdrawPrompt } from '../../web/store/steering.ts'
import { saveDraft } from '../../web/store/drafts.ts'
import { openStore, type Outcome, useStore } from '../../web/store/store.ts'
import { Typing } from '../../web/store/typing.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ModelRoom } from '../support/model-room.ts'
import { ModelServer } from '../support/model-server.ts'
import { openTab, type Tab } from '../support/tab.ts'

const tabs: Tab[] = []
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.stop()
})

/** A page that comes to light and goes. */
function createSight(seen: boolean) {
  const listeners = new Set<() => void>()
  return {
    visible: () => seen,
    onChange(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    show(now: boolean) {
      seen = now
      for (const listener of listeners) listener()
    },
  }
}

function tab(server: ModelServer, id: string, seen = true): Tab & { sight: ReturnType<typeof createSight> } {
  const sight = createSight(seen)
  const opened = { ...openTab(server, id, { sight }), sight }
  tabs.push(opened)
  useStore(opened.store)
  return opened
}

const told = (server: ModelServer, procedure: string) =>
  server.calls.filter((call) => call.startsWith(procedure)).map((call) => call.split(' ').slice(1).join(' '))
const mara = { id: newId(), name: 'Mara', kind: 'member' } as const
const member = (read: number): Member => ({ person: mara, role: 'participant', here: true, seenAt: null, read })

const refusal = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  return error instanceof RefusedError ? error.refused : error
}

describe('looking', () => {
  test('is told when the room is joined, when another is opened, when the page goes, and anew on every connection', async () => {
    const server = new ModelServer()
    const [one, two] = [server.open().row.id, server.open().row.id]
    const mine = tab(server, one)
    mine.line.connect()
    await eventually(() => told(server, 'presence.look').at(-1) === one)
    mine.goTo(two)
    await eventually(() => told(server, 'presence.look').at(-1) === two)
    mine.sight.show(false)
    await eventually(() => told(server, 'presence.look').at(-1) === '')
    mine.sight.show(true)
    await eventually(() => told(server, 'presence.look').at(-1) === two)
    const before = told(server, 'presence.look').length
    mine.line.cut()
    mine.line.connect()
    await eventually(() => told(server, 'presence.look').length > before && told(server, 'presence.look').at(-1) === two)
  })

  test('is not told by a tab that nobody sees', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const hidden = tab(server, id, false)
    hidden.line.connect()
    await eventually(async () => (await hidden.store.db.rooms.get(id))?.cursor === 1)
    await markRead(id, 1)
    hidden.sight.show(true)
    await eventually(() => told(server, 'presence.look').length > 0)
    expect(told(server, 'presence.look')).toEqual([id])
  })
})

describe('reading', () => {
  test('is told once, kept over a time without a connection, and never goes back', async () => {
    const server = new ModelServer()
    const room = server.open()
    const { id } = room.row
    const mine = tab(server, id)
    mine.line.connect()
    await eventually(async () => (await membership(id)) !== undefined)
    await markRead(id, 3)
    await eventually(() => told(server, 'presence.read').includes(`${id} 3`))
    await eventually(async () => (await membership(id))?.told === 3)
    await markRead(id, 2)
    expect((await membership(id))?.read).toBe(3)

    mine.line.cut()
    await markRead(id, 5)
    mine.line.connect()
    await eventually(() => told(server, 'presence.read').includes(`${id} 5`))
    server.publish(id, [['membership', id, 'participant', 4]])
    await eventually(async () => (await membership(id))?.role === 'participant')
    expect(await membership(id)).toMatchObject({ read: 5, told: 5 })
    expect(told(server, 'presence.read')).toEqual([`${id} 3`, `${id} 5`])
  })

  test('of another device shows here', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const mine = tab(server, id)
    mine.line.connect()
    await eventually(async () => (await membership(id)) !== undefined)
    server.publish(id, [['membership', id, 'owner', 9]])
    await eventually(async () => (await membership(id))?.read === 9)
    expect(told(server, 'presence.read')).toEqual([])
  })
})

describe('people', () => {
  test('come with the join, change with a frame, and go with the room', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const mine = tab(server, id)
    mine.line.connect()
    await eventually(async () => (await people(id)).length === 1)
    server.publish(id, [['people', id, [member(1), { ...member(2), person: server.person, role: 'viewer' }]]])
    await eventually(async () => (await people(id)).length === 2)
    expect((await membership(id))?.role).toBe('viewer')
    server.publish(id, [['gone', id]])
    await eventually(async () => (await membership(id)) === undefined)
    expect(await people(id)).toEqual([])
  })

  test('who type are told of at most every few seconds, and their message ends it', async () => {
    const server = new ModelServer()
    const room = server.open()
    const { id } = room.row
    const mine = tab(server, id)
    mine.line.connect()
    await eventually(() => told(server, 'presence.look').length > 0)
    for (let key = 0; key < 5; key++) tellTyping(id)
    await eventually(() => told(server, 'presence.typing').length > 0)
    expect(told(server, 'presence.typing')).toEqual([id])
    server.publish(id, [['typing', id, mara.id]])
    await eventually(() => mine.store.typing.shown.current.get(id)?.join() === mara.id)
    server.publish(id, room.send(mara, 'there', 'note'))
    await eventually(() => mine.store.typing.shown.current.size === 0)
    // What somebody begins after their own message is news.
    server.publish(id, room.send(server.person, 'here', 'note'))
    await eventually(async () => (await mine.store.db.messages.count()) === 2)
    for (let key = 0; key < 5; key++) tellTyping(id)
    await eventually(() => told(server, 'presence.typing').length === 2)
  })

  test('who type no more are forgotten after a while', () => {
    const clock = new FakeClock()
    const typing = new Typing(clock)
    typing.heard('room', 'a')
    clock.advance(TYPING.overMs - 1)
    typing.heard('room', 'a')
    typing.heard('room', 'b')
    clock.advance(TYPING.overMs - 1)
    expect(typing.shown.current.get('room')).toEqual(['a', 'b'])
    clock.advance(1)
    expect(typing.shown.current.size).toBe(0)
  })
})

describe('a call that somebody waits for', () => {
  test('brings its answer, or a refusal with its data, or that nobody can be reached', async () => {
    const server = new ModelServer()
    const room = server.open()
    const mine = tab(server, room.row.id)
    expect(await refusal(ask('session.me', {}))).toEqual({ code: 'offline' })
    mine.line.connect()
    await eventually(() => mine.store.connection.current === 'online')
    expect((await ask('session.me', {})).person).toEqual(server.person)
    server.before = () => {
      throw new ORPCError('FORBIDDEN', { defined: true, status: 403, data: { reason: 'guest' } })
    }
    expect(await refusal(ask('session.me', {}))).toEqual({ code: 'FORBIDDEN', data: { reason: 'guest' } })
    server.before = () => {
      throw new Error('a bug')
    }
    expect(await refusal(ask('session.me', {}))).toEqual({ code: 'internal' })
    mine.stop()
    expect(await refusal(ask('session.me', {}))).toEqual({ code: 'offline' })
  })

  test('takes a prompt back, with its text before what is in the draft; too late, everything stays', async () => {
    const server = new ModelServer()
    const room = server.open()
    const { id } = room.row
    room.send(server.person, 'first thought')
    const [prompt] = room.rows
    const mine = tab(server, id)
    mine.line.connect()
    await eventually(async () => (await mine.store.db.messages.count()) === 2)
    await saveDraft(id, 'second thought')
    server.before = (procedure) => {
      if (procedure === 'message.withdraw') throw new ORPCError('CONFLICT', { defined: true, status: 409, data: { reason: 'started' } })
    }
    expect(withdrawPrompt(prompt?.id ?? '')).rejects.toMatchObject({ refused: { code: 'CONFLICT', data: { reason: 'started' } } })
    await eventually(() => told(server, 'message.withdraw').length === 1)
    expect(await draft(id)).toBe('second thought')
    server.before = () => undefined
    await withdrawPrompt(prompt?.id ?? '')
    expect(await draft(id)).toBe('first thought\n\nsecond thought')
  })

  for (const [outcome, kept] of [
    ['is carried out', 'first thought\n\nsecond thought'],
    ['is refused', 'second thought'],
  ] as const) {
    test(`asks again for a prompt to be taken back when no answer came; its text is in one place after it ${outcome}`, async () => {
      const server = new ModelServer()
      const room = server.open()
      const { id } = room.row
      room.send(server.person, 'first thought')
      const [prompt] = room.rows
      const mine = tab(server, id)
      mine.line.connect()
      await eventually(async () => (await mine.store.db.messages.count()) === 2)
      await saveDraft(id, 'second thought')
      mine.line.passes = (direction, text) => direction === 'toClient' || !text.includes('withdraw')
      expect(await refusal(withdrawPrompt(prompt?.id ?? ''))).toEqual({ code: 'offline' })
      expect(told(server, 'message.withdraw')).toEqual([])
      mine.line.passes = () => true
      server.before = (procedure) => {
        if (procedure !== 'message.withdraw' || outcome === 'is carried out') return
        throw new ORPCError('CONFLICT', { defined: true, status: 409, data: { reason: 'started' } })
      }
      mine.line.connect()
      await eventually(() => told(server, 'message.withdraw').length === 1)
      await eventually(async () => (await mine.store.db.outbox.count()) === 0)
      expect(await draft(id)).toBe(kept)
      const shown = (await mine.store.db.messages.get(prompt?.id ?? ''))?.deleted === false
      expect(shown).toBe(outcome === 'is refused')
    })
  }

  describe('a prompt that is taken back', () => {
    async function waiting() {
      const store = openStore(newId())
      const room = new ModelRoom()
      room.send(mara, 'first thought')
      await apply(store.db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], new Map())
      const outcomes: (Outcome | (() => Promise<Outcome>))[] = []
      const drafts: string[] = []
      store.requests.on(async (request) => {
        if (request.kind !== 'ask') return
        drafts.push(await draft(room.row.id))
        const outcome = outcomes.shift()
        if (outcome) request.done(typeof outcome === 'function' ? await outcome() : outcome)
      })
      return { id: room.row.id, promptId: room.rows[0]?.id ?? '', outcomes, drafts }
    }
    const offline: Outcome = { kind: 'refused', refused: { code: 'offline' } }
    const started: Outcome = { kind: 'refused', refused: { code: 'CONFLICT', data: { reason: 'started' } } }
    const done: Outcome = { kind: 'answer', output: {} }

    test('has its text in the draft before it is asked for, and keeps it there once when no answer comes', async () => {
      const { id, promptId, outcomes, drafts } = await waiting()
      outcomes.push(offline, done)
      expect(await refusal(withdrawPrompt(promptId))).toEqual({ code: 'offline' })
      expect(await draft(id)).toBe('first thought')
      await withdrawPrompt(promptId)
      expect(await draft(id)).toBe('first thought')
      expect(drafts).toEqual(['first thought', 'first thought'])
    })

    test('leaves the draft as it was when that is refused', async () => {
      const { id, promptId, outcomes, drafts } = await waiting()
      outcomes.push(started, started)
      expect(await refusal(withdrawPrompt(promptId))).toMatchObject({ code: 'CONFLICT' })
      expect(await draft(id)).toBe('')
      await saveDraft(id, 'second thought', 'a box')
      expect(await refusal(withdrawPrompt(promptId))).toMatchObject({ code: 'CONFLICT' })
      expect(await draft(id)).toBe('second thought')
      expect(drafts).toEqual(['first thought', 'first thought\n\nsecond thought'])
    })

    test('takes nothing from what was written on until the refusal', async () => {
      const { id, promptId, outcomes } = await waiting()
      outcomes.push(async () => {
        await saveDraft(id, 'first thought, and more', 'a box')
        return started
      })
      expect(await refusal(withdrawPrompt(promptId))).toMatchObject({ code: 'CONFLICT' })
      expect(await draft(id)).toBe('first thought, and more')
    })
  })
})
