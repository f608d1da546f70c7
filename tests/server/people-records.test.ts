import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { newId, type Person } from '#contract'
import { create } from '../../server/database/conversations.ts'
import { changedSince } from '../../server/database/messages.ts'
import { everybody, everyLink, everyRoom } from '../../server/database/overview.ts'
import { readRoster, writePresence } from '../../server/database/presence.ts'
import { finish } from '../../server/database/replies.ts'
import { member, person } from '../../server/database/schema.ts'
import { send } from '../../server/database/sending.ts'
import { readBudget, writeBudget } from '../../server/database/settings.ts'
import { reorder, withdraw } from '../../server/database/steering.ts'
import { dayOf, spendingOf, usageSince } from '../../server/database/usage.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const ada: Person = { id: newId(), name: 'Ada', kind: 'owner' }
const eve: Person = { id: newId(), name: 'Eve', kind: 'guest' }
const usage = { prompt: 5, output: 3, thoughts: 1, total: 8 }
const how = { hold: () => true, speaker: 'Model' }

for (const kind of ['embedded', 'postgres', 'neon'] as const) {
  describe(`the records of people with the ${kind} database`, () => {
    let database: TestDatabase
    beforeAll(async () => {
      database = await openTestDatabase(kind)
      await database.db.insert(person).values([ada, eve])
    }, 60_000)
    afterAll(() => database.close(), 30_000)

    async function room(): Promise<string> {
      const id = newId()
      await create(database.db, ada, id, {})
      return id
    }
    async function ask(conversationId: string, text: string) {
      const ids = { id: newId(), replyId: newId() }
      await send(database.db, ada, { ...ids, conversationId, text, kind: 'prompt' })
      return ids
    }

    test('what was read and seen is written together, and never goes back', async () => {
      const id = await room()
      await database.db.insert(member).values({ conversationId: id, personId: eve.id, role: 'viewer', changed: '0' })
      await ask(id, 'Hello')
      const write = (count: number, atMs: number) =>
        writePresence(database.db, [{ conversationId: id, personId: eve.id, count }], [{ personId: eve.id, atMs }])
      await write(2, 1_800_000_000_123)
      await write(1, 1_700_000_000_000)
      await writePresence(database.db, [], [])
      const roster = await readRoster(database.db, id)
      expect(roster.count).toBe(2)
      expect(roster.members).toEqual([
        { person: ada, role: 'owner', read: 2, seenAt: null },
        { person: eve, role: 'viewer', read: 2, seenAt: 1_800_000_000_123 },
      ])
      expect(await readRoster(database.db, newId())).toEqual({ count: 0, members: [] })
    })

    test('an end is written once, and so is what it has cost', async () => {
      const id = await room()
      const today = dayOf(Date.now())
      const [one, two] = [await ask(id, 'one'), await ask(id, 'two')]
      const outcome = { state: 'complete', text: 'done', model: 'm-1', usage, failure: null, truncated: false, stoppedBy: null } as const
      const end = (replyId: string) => finish(database.db, { id: replyId, conversationId: id }, outcome, 'Model')
      await Promise.all([end(one.replyId), end(one.replyId), end(two.replyId)])
      expect(await spendingOf(database.db, two.replyId, today)).toEqual({
        disabled: false,
        personBound: null,
        roomBound: null,
        byPerson: 16,
        inRoom: 16,
      })
      const { rows, more } = await usageSince(database.db, ada, today)
      const counted = { model: 'm-1', calls: 2, prompt: 10, output: 6, total: 16 }
      expect(rows).toEqual([{ day: today, person: { id: ada.id, name: 'Ada' }, conversation: { id, title: 'one' }, ...counted }])
      expect(more).toBe(false)
      expect(await usageSince(database.db, eve, today)).toEqual({ rows: [], more: false })
      const overview = (await everybody(database.db)).map(({ person: { name }, rooms, tokensToday }) => [name, rooms, tokensToday])
      expect(overview).toContainEqual(['Ada', 2, 16])
      expect(overview).toContainEqual(['Eve', 1, 0])
      expect((await everyRoom(database.db)).find((row) => row.id === id)).toMatchObject({
        owner: { name: 'Ada' },
        people: 1,
        messages: 4,
        tokensToday: 16,
      })
      expect(await everyLink(database.db)).toEqual([])
    })

    test('a budget is kept as it was set last', async () => {
      expect(await readBudget(database.db)).toBeNull()
      const budget = { personDayTokens: 5, roomDayTokens: null, personMinuteRequests: 2 }
      await writeBudget(database.db, { ...budget, personDayTokens: 1 })
      await writeBudget(database.db, budget)
      expect(await readBudget(database.db)).toEqual(budget)
    })

    test('what waits is put into another order and taken back, every row with a revision of its own', async () => {
      const id = await room()
      const [one, two] = [await ask(id, 'one'), await ask(id, 'two')]
      const ordered = await reorder(database.db, ada, { conversationId: id, ids: [two.id, one.id], revision: 4 }, how)
      expect(ordered.kind === 'reordered' && ordered.change?.conversation).toMatchObject({
        revision: 7,
        title: 'two',
        last: { text: 'one' },
      })
      expect(await withdraw(database.db, ada, { id: two.id, conversationId: id }, { ...how, hold: () => false })).toEqual({
        kind: 'started',
      })
      const back = await withdraw(database.db, ada, { id: one.id, conversationId: id }, how)
      expect(back.kind === 'withdrawn' && back.change?.conversation).toMatchObject({ revision: 9, title: 'one', headId: two.replyId })
      const { messages } = await changedSince(database.db, id, 0, 10)
      expect(messages.map(({ text, deleted, revision }) => [text, deleted, revision])).toEqual([
        ['', false, 5],
        ['one', false, 7],
        ['', true, 8],
        ['', true, 9],
      ])
      const empty = await withdraw(database.db, ada, { id: two.id, conversationId: id }, how)
      expect(empty.kind === 'withdrawn' && empty.change?.conversation).toMatchObject({ title: '', last: null, headId: null })
    })
  })
}
