import { beforeEach, describe, expect, test } from 'bun:test'
import { newId } from '#contract'
import { apply } from '../../web/store/apply.ts'
import { newConversation, sendPrompt } from '../../web/store/commands.ts'
import { messages, unsent } from '../../web/store/queries.ts'
import { noteReading, trimmedAt, withSpace } from '../../web/store/space.ts'
import { trim } from '../../web/store/trimming.ts'
import { openStore, type Store } from '../../web/store/store.ts'
import { ModelRoom } from '../support/model-room.ts'

const ada = { id: newId(), name: 'Ada' }
let store: Store

beforeEach(() => {
  store = openStore(newId())
})

/** Rooms with `count` messages each, loaded whole, the oldest first. */
async function fill(rooms: number, count: number): Promise<ModelRoom[]> {
  const made = Array.from({ length: rooms }, (_, index) => {
    const room = new ModelRoom()
    for (let said = 0; said < count; said++) room.send(ada, `${index}.${said}`, 'note')
    room.row = { ...room.row, updatedAt: 1_000 + index }
    return room
  })
  await apply(
    store.db,
    made.map((room) => ({ kind: 'page', since: 0, answer: room.page(0, count) })),
    new Map(),
  )
  return made
}

const countOf = ({ row }: ModelRoom) =>
  store.db.messages.where('[conversationId+position]').between([row.id, 0], [row.id, Infinity]).count()

describe('when space gets short', () => {
  test('rows go that the server has too: of rooms never opened, then of those opened longest ago', async () => {
    const rooms = await fill(8, 10)
    // Opened in this order, six of them: the oldest of these may go, five stay whatever happens.
    for (const [index, room] of rooms.slice(2).entries()) {
      await store.db.readings.put({ conversationId: room.row.id, at: 100 + index })
    }
    expect(await trim(store.db)).toBe(20)
    expect(await Promise.all(rooms.map(countOf))).toEqual([0, 0, 10, 10, 10, 10, 10, 10])
    expect(await trim(store.db)).toBe(10)
    expect(await trim(store.db)).toBe(0)
    expect(await Promise.all(rooms.map(countOf))).toEqual([0, 0, 0, 10, 10, 10, 10, 10])
    expect(Date.now() - ((await trimmedAt(store.db)) ?? 0)).toBeLessThan(10_000)
  })

  test('what was not sent stays, in a room of the server and in one that only this device knows', async () => {
    const [room] = await fill(1, 10)
    if (!room) throw new Error('no room')
    await sendPrompt(room.row.id, 'not sent yet')
    const local = await newConversation()
    await sendPrompt(local, 'nobody has this')
    expect(await trim(store.db)).toBe(10)
    expect((await messages(room.row.id, 20)).messages.map(({ text }) => text)).toEqual(['not sent yet'])
    expect((await messages(local, 20)).messages.map(({ text }) => text)).toEqual(['nobody has this'])
    expect(await store.db.rooms.get(local)).toBeDefined()
    expect((await unsent()).map(({ call }) => call.procedure)).toEqual(['message.send', 'conversation.create', 'message.send'])
    expect(await trim(store.db)).toBe(0)
  })

  test('a room whose rows went is loaded anew when it is opened', async () => {
    const [room] = await fill(1, 10)
    if (!room) throw new Error('no room')
    await trim(store.db)
    expect(await store.db.rooms.get(room.row.id)).toBeUndefined()
    await apply(store.db, [{ kind: 'page', since: 0, answer: room.page(0, 50) }], new Map())
    expect((await messages(room.row.id, 20)).messages).toHaveLength(10)
  })
})

describe('a write that the device has no space for', () => {
  const full = () => new DOMException('no space', 'QuotaExceededError')

  test('is done after space was made, as often as that is needed', async () => {
    await fill(4, 10)
    let tries = 0
    const done = await withSpace(store.db, async () => {
      tries++
      // Dexie wraps what aborted its transaction.
      if ((await store.db.messages.count()) > 15) throw Object.assign(new Error('aborted'), { name: 'AbortError', inner: full() })
      return 'written'
    })
    // A try, then a trim and two tries for each quarter that goes.
    expect([done, tries]).toEqual(['written', 6])
    expect(await store.db.messages.count()).toBe(10)
  })

  test('fails only when nothing is left to give up, and other failures pass at once', async () => {
    const rooms = await fill(2, 10)
    for (const { row } of rooms) await noteReading(store.db, row.id)
    await expect(withSpace(store.db, () => Promise.reject(full()))).rejects.toThrow('no space')
    await expect(withSpace(store.db, () => Promise.reject(new Error('another')))).rejects.toThrow('another')
    expect(await store.db.messages.count()).toBe(20)
  })
})
