import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Author, type Frame, newId } from '#contract'
import { type Ahead, apply, type Change } from '../../web/store/apply.ts'
import { cleared, NOT_KEPT } from '../../web/store/shelves.ts'
import { createStore, openStore } from '../../web/store/store.ts'
import { conversations, messages } from '../../web/store/queries.ts'
import { renameConversation, sendPrompt } from '../../web/store/commands.ts'
import { ModelRoom } from '../support/model-room.ts'

const ada: Author = { id: newId(), name: 'Ada' }

type Step = { kind: 'prompt' | 'note' | 'begin' | 'delta' | 'finish' | 'resume' | 'remove' | 'rename'; pick: number; text: string }

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('prompt', 'note', 'begin', 'delta', 'finish', 'resume', 'remove', 'rename'),
    pick: fc.nat(),
    text: fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }),
  }),
  { minLength: 1, maxLength: 25 },
)

/** Carries out a step, or nothing when the room is not in a state for it. */
function perform(room: ModelRoom, { kind, pick, text }: Step): Frame[] {
  const one = <T>(from: readonly T[]): T | undefined => from[pick % from.length]
  switch (kind) {
    case 'prompt':
    case 'note':
      return room.send(ada, text, kind)
    case 'begin': {
      const reply = one(room.open.filter(({ state }) => state === 'queued'))
      return reply ? room.begin(reply.id) : []
    }
    case 'delta': {
      const [id] = room.live.keys()
      return id ? room.delta(id, text) : []
    }
    case 'finish': {
      const reply = one(room.open)
      return reply ? room.finish(reply.id, 'stopped') : []
    }
    case 'resume': {
      const reply = one(room.rows.filter((row) => row.kind === 'reply' && row.state === 'stopped' && !row.deleted))
      return reply ? room.resume(reply.id) : []
    }
    case 'remove': {
      const message = one(room.rows.filter((row) => !row.deleted && row.kind !== 'reply'))
      return message ? room.remove(message.id) : []
    }
    case 'rename':
      return room.rename(text)
  }
}

function change(frame: Frame): Change[] {
  if (frame[0] === 'message') return [{ kind: 'messages', rows: [frame[1]] }]
  return frame[0] === 'conversation' ? [{ kind: 'conversation', row: frame[1] }] : []
}

describe('the rows of a room', () => {
  const { db } = createStore(newId())

  test('come out the same for any order, repetition and grouping of what the server sends', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.infiniteStream(fc.nat()), fc.nat({ max: 25 }), async (history, random, joinAt) => {
        const room = new ModelRoom()
        const ahead: Ahead = new Map()
        const since = room.row.revision
        await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)

        const sent: Change[] = []
        let renamed = false
        for (const [index, step] of history.entries()) {
          sent.push(...perform(room, step).flatMap(change))
          renamed ||= step.kind === 'rename'
          if (index === joinAt) sent.push({ kind: 'page', since, answer: room.page(since, 3) })
        }
        const next = () => random.next().value ?? 0
        const shuffled = [...sent, ...sent.filter(() => next() % 2 === 0)]
          .map((item) => ({ item, order: next() }))
          .sort((left, right) => left.order - right.order)
          .map(({ item }) => item)
        while (shuffled.length > 0) await apply(db, shuffled.splice(0, 1 + (next() % 4)), ahead)

        const id = room.row.id
        // The revision of a rename is in no message: a pull accounts for it.
        if (renamed) {
          while (true) {
            const from = (await db.rooms.get(id))?.cursor ?? 0
            const answer = room.page(from, 2)
            await apply(db, [{ kind: 'page', since: from, answer }], ahead)
            if (!answer.more) break
          }
        }
        const stored = await db.messages.where('[conversationId+position]').between([id, 0], [id, Number.MAX_SAFE_INTEGER]).toArray()
        expect(stored).toEqual(room.rows.map((row) => ({ ...row, delivery: 'sent' })))
        expect(await db.conversations.get(id)).toEqual({
          ...room.row,
          origin: 'server',
          ...cleared(NOT_KEPT),
          shelf: 'open',
          place: -room.row.updatedAt,
        })
        expect((await db.rooms.get(id))?.cursor).toBe(room.row.revision)
      }),
      { numRuns: 100 },
    )
  }, 60_000)

  test('never move the cursor over a change that is not stored', async () => {
    const room = new ModelRoom()
    const ahead: Ahead = new Map()
    await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    const first = room.send(ada, 'one', 'note').flatMap(change)
    const second = room.send(ada, 'two', 'note').flatMap(change)
    const cursor = async () => (await db.rooms.get(room.row.id))?.cursor
    await apply(db, second, ahead)
    expect(await cursor()).toBe(1)
    await apply(db, first, ahead)
    expect(await cursor()).toBe(3)
  })

  test('of a room that another tab has loaded keep their cursor when the newest page comes late', async () => {
    const room = new ModelRoom()
    const ahead: Ahead = new Map()
    await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    room.send(ada, 'unseen', 'note')
    for (let index = 0; index < 5; index++) room.send(ada, String(index), 'note')
    const reached = await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 2) }], ahead)
    expect(reached.get(room.row.id)).toBe(1)
  })

  test('keep the text that this device has of a stream, until the reply has ended', async () => {
    const room = new ModelRoom()
    const ahead: Ahead = new Map()
    await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    await apply(db, room.send(ada, 'hi').flatMap(change), ahead)
    const id = room.open[0]?.id ?? ''
    const text = async () => (await db.messages.get(id))?.text
    await apply(db, [{ kind: 'texts', texts: [{ id, text: 'Hel' }] }], ahead)
    await apply(db, room.begin(id).flatMap(change), ahead)
    expect(await text()).toBe('Hel')
    await apply(db, [{ kind: 'texts', texts: [{ id, text: 'He' }] }], ahead)
    expect(await text()).toBe('Hel')
    room.delta(id, 'Hello')
    await apply(db, room.finish(id).flatMap(change), ahead)
    await apply(db, [{ kind: 'texts', texts: [{ id, text: 'Hello and more' }] }], ahead)
    expect(await text()).toBe('Hello')
  })

  test('go with the room, except for what was not sent', async () => {
    const store = openStore(newId())
    const room = new ModelRoom()
    const ahead: Ahead = new Map()
    room.send(ada, 'old', 'note')
    await apply(store.db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    await sendPrompt(room.row.id, 'unsent')
    await apply(store.db, [{ kind: 'gone', conversationId: room.row.id }], ahead)
    expect(await conversations()).toEqual([])
    expect((await store.db.messages.toArray()).map(({ text }) => text)).toEqual(['unsent'])
    expect(await store.db.outbox.count()).toBe(1)
  })

  test('that a complete list leaves out go, and those of this device stay', async () => {
    const store = openStore(newId())
    const [kept, lost] = [new ModelRoom(), new ModelRoom()]
    const ahead: Ahead = new Map()
    for (const room of [kept, lost]) await apply(store.db, [{ kind: 'conversation', row: room.row }], ahead)
    const later = new ModelRoom()
    await apply(store.db, [{ kind: 'conversation', row: later.row }], ahead)
    const known = [kept.row.id, lost.row.id]
    await apply(
      store.db,
      [
        {
          kind: 'list',
          known,
          since: null,
          answer: { conversations: [kept.row], memberships: [], arrangements: [], cursor: '7', complete: true },
        },
      ],
      ahead,
    )
    expect(new Set((await conversations()).map(({ id }) => id))).toEqual(new Set([kept.row.id, later.row.id]))
  })

  test('how a room is kept never goes back to an older version of it', async () => {
    const { db } = openStore(newId())
    const room = new ModelRoom()
    const conversationId = room.row.id
    const ahead: Ahead = new Map()
    await apply(db, [{ kind: 'conversation', row: room.row }], ahead)
    for (const [version, tag] of [
      [2, 'newer'],
      [1, 'older'],
    ] as const)
      await apply(db, [{ kind: 'arrangement', row: { conversationId, version, pin: null, archived: false, tags: [tag] } }], ahead)
    expect((await db.conversations.get(conversationId))?.arranged.tags).toEqual(['newer'])
  })
})

describe('a guess', () => {
  test('of a title outlives other news of the room, and goes when it is refused', async () => {
    const { db } = openStore(newId())
    const room = new ModelRoom()
    const ahead: Ahead = new Map()
    const title = async () => (await db.conversations.get(room.row.id))?.title
    await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    await renameConversation(room.row.id, 'Mine')
    await apply(db, room.send(ada, 'news').flatMap(change), ahead)
    expect(await title()).toBe('Mine')
    const [entry] = await db.outbox.toArray()
    expect(entry?.call.input).toEqual({ id: room.row.id, title: 'Mine', operation: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect(await db.conversations.get(room.row.id)).not.toHaveProperty('operation')
    await apply(db, [{ kind: 'refused', seq: entry?.seq ?? 0, failure: { code: 'forbidden' } }], ahead)
    await apply(db, [{ kind: 'page', since: room.row.revision, answer: room.page(room.row.revision, 50) }], ahead)
    expect(await title()).toBe('news')
    expect(await db.outbox.count()).toBe(0)
  })

  test('of a message stays when a row of another room bears its id', async () => {
    const { db } = openStore(newId())
    const [room, other] = [new ModelRoom(), new ModelRoom()]
    const ahead: Ahead = new Map()
    await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    const id = await sendPrompt(room.row.id, 'unsent')
    await apply(db, other.send(ada, 'taken', 'note', id).flatMap(change), ahead)
    const { messages: shown } = await messages(room.row.id, 10)
    expect(shown.map(({ text, delivery }) => [text, delivery])).toEqual([['unsent', 'pending']])
    expect(await db.outbox.count()).toBe(1)
  })

  test('of a message is replaced by the row that proves its arrival, though the answer was lost', async () => {
    const { db } = openStore(newId())
    const room = new ModelRoom()
    const ahead: Ahead = new Map()
    await apply(db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], ahead)
    const id = await sendPrompt(room.row.id, 'hello')
    const before = await messages(room.row.id, 10)
    expect(before.messages.map(({ delivery }) => delivery)).toEqual(['pending'])
    await apply(db, room.send(ada, 'hello', 'prompt', id).flatMap(change), ahead)
    const after = await messages(room.row.id, 10)
    expect(after.messages.map((message) => [message.id === id, message.delivery])).toEqual([
      [true, 'sent'],
      [false, 'sent'],
    ])
    expect(await db.outbox.count()).toBe(0)
  })
})
