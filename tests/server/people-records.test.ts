import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { and, eq, ne } from 'drizzle-orm'
import { LIMITS, newId, type Person } from '#contract'
import { create, thisTransaction } from '../../server/database/conversations.ts'
import { list } from '../../server/database/listing.ts'
import { findLink, linksOf, makeLink, revokeLink, spendLink } from '../../server/database/links.ts'
import { admit, changeRole, lockMembers, removeMember } from '../../server/database/members.ts'
import { changedSince } from '../../server/database/messages.ts'
import { changePerson, everybody, everyRoom } from '../../server/database/overview.ts'
import { carryOut, isCarriedOut } from '../../server/database/operations.ts'
import { addPasskey, countUse, findPasskey, passkeysOf, removePasskey } from '../../server/database/passkeys.ts'
import { readRoster, writePresence } from '../../server/database/presence.ts'
import { finish } from '../../server/database/finishing.ts'
import { conversation, member, operation as operations, person } from '../../server/database/schema.ts'
import { send } from '../../server/database/sending.ts'
import { closeSession, forgetExpired, openSession } from '../../server/database/sessions.ts'
import { sqlState, UNIQUE_VIOLATION } from '../../server/database/sql-state.ts'
import { readBudget, writeBudget } from '../../server/database/settings.ts'
import { reorder, withdraw } from '../../server/database/steering.ts'
import { dayOf, spendingOf, usageSince } from '../../server/database/usage.ts'
import { Budgets } from '../../server/replies/budgets.ts'
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

    test('an operation is carried out once with the end of a reply, and is forgotten after a month', async () => {
      const { db } = database
      const id = await room()
      const { replyId } = await ask(id, 'one')
      const operation = { id: newId(), personId: ada.id }
      const outcome = { state: 'stopped', text: 'half', model: null, usage: null, failure: null, truncated: false, stoppedBy: ada } as const
      expect(await isCarriedOut(db, operation.id)).toBe(false)
      await finish(db, { id: replyId, conversationId: id }, { ...outcome, operation }, 'Model')
      expect(await isCarriedOut(db, operation.id)).toBe(true)
      expect(await carryOut(db, operation)).toBe(false)
      const old = { id: newId(), personId: ada.id }
      await db.insert(operations).values({ ...old, at: new Date(Date.now() - 31 * 86_400_000) })
      await forgetExpired(db)
      expect([await isCarriedOut(db, old.id), await isCarriedOut(db, operation.id)]).toEqual([false, true])
    })

    test('an end is written once, and so is what it has cost', async () => {
      const id = await room()
      const today = dayOf(Date.now())
      const [one, two] = [await ask(id, 'one'), await ask(id, 'two')]
      const outcome = { state: 'complete', text: 'done', model: 'm-1', usage, failure: null, truncated: false, stoppedBy: null } as const
      const end = (replyId: string) => finish(database.db, { id: replyId, conversationId: id }, outcome, 'Model')
      await Promise.all([end(one.replyId), end(one.replyId), end(two.replyId)])
      expect(await spendingOf(database.db, two.replyId, today)).toEqual({
        personId: ada.id,
        conversationId: id,
        guest: false,
        disabled: false,
        personBound: null,
        roomBound: null,
        byPerson: 16,
        byGuests: 0,
        inAll: 16,
        inRoom: 16,
      })
      const { rows, more } = await usageSince(database.db, ada, today)
      const counted = { model: 'm-1', calls: 2, prompt: 10, output: 6, total: 16 }
      expect(rows).toEqual([{ day: today, person: { id: ada.id, name: 'Ada' }, conversation: { id, title: 'one' }, ...counted }])
      expect(more).toBe(false)
      expect(await usageSince(database.db, eve, today)).toEqual({ rows: [], more: false })
      const overview = (await everybody(database.db)).map(({ person: { name }, rooms, tokensToday }) => [name, rooms, tokensToday])
      expect(overview).toContainEqual(['Ada', 3, 16])
      expect(overview).toContainEqual(['Eve', 1, 0])
      expect((await everyRoom(database.db)).find((row) => row.id === id)).toMatchObject({
        owner: { name: 'Ada' },
        people: 1,
        messages: 4,
        tokensToday: 16,
      })
      expect(await linksOf(database.db, null)).toEqual([])
    })

    test('a link is spent as often as it may be, and brings people into a room and out again', async () => {
      const { db } = database
      const conversationId = newId()
      await create(db, ada, conversationId, {})
      const id = newId()
      const values = { id, tokenHash: `hash of ${id}`, kind: 'invite', conversationId, personId: null, role: 'viewer', label: 'x' } as const
      const making = { ...values, usesLeft: 2, expiresAt: new Date(Date.now() + 60_000) }
      const made = await makeLink(db, ada.id, making)
      expect(made).toMatchObject({ kind: 'made', link: { id, usesLeft: 2, createdBy: { id: ada.id, name: 'Ada' } } })
      expect(await makeLink(db, ada.id, making)).toEqual(made)
      expect(await makeLink(db, eve.id, making)).toEqual({ kind: 'missing' })
      const spent = await Promise.all(Array.from({ length: 5 }, () => db.transaction((tx) => spendLink(tx, id))))
      expect(spent.filter(Boolean)).toHaveLength(2)
      expect(await findLink(db, making.tokenHash)).toMatchObject({ id, works: false, usesLeft: 0 })
      expect(await linksOf(db, conversationId)).toEqual([])

      const { cursor } = await list(db, eve.id, null)
      const come = () =>
        db.transaction(async (tx) => {
          const locked = await lockMembers(tx, conversationId)
          return locked && admit(tx, locked, { personId: eve.id, role: 'viewer', linkId: id })
        })
      expect(await come()).toMatchObject({ personId: eve.id, role: 'viewer', read: 0 })
      const change = { conversationId, personId: eve.id, role: 'participant' } as const
      expect(await changeRole(db, eve.id, change)).toMatchObject({ kind: 'role' })
      expect(await changeRole(db, ada.id, change)).toMatchObject({ kind: 'done', placed: [{ personId: eve.id, role: 'participant' }] })
      expect((await list(db, eve.id, cursor)).memberships).toContainEqual({ conversationId, role: 'participant', read: 0 })
      expect(await removeMember(db, ada.id, conversationId, eve.id)).toMatchObject({ kind: 'done', gone: [eve.id] })
      expect((await list(db, eve.id, cursor)).gone).toEqual([conversationId])
      await come()
      expect((await list(db, eve.id, cursor)).gone).toEqual([])
      const link = await findLink(db, making.tokenHash)
      expect(link && (await revokeLink(db, link, true))).toEqual([eve.id])
      expect(await removeMember(db, ada.id, conversationId, ada.id)).toMatchObject({ kind: 'done', buried: true })
    })

    test('a list of rooms ends however many one transaction has changed, and misses none that another one changes meanwhile', async () => {
      const { db } = database
      const many: Person = { id: newId(), name: 'Many', kind: 'guest' }
      await db.insert(person).values(many)
      const made = { revision: 1, createdBy: many.id, changed: thisTransaction }
      const ids = Array.from({ length: 1_200 }, newId)
      const before = await list(db, many.id, null)
      await db.transaction(async (tx) => {
        await tx.insert(conversation).values(ids.map((id) => ({ ...made, id })))
        const own = { personId: many.id, role: 'owner', changed: thisTransaction } as const
        await tx.insert(member).values(ids.map((conversationId) => ({ ...own, conversationId })))
      })
      const drain = async (since: string | null, onPage: () => unknown = () => undefined) => {
        const heard: string[] = []
        let page = await list(db, many.id, since)
        for (let pages = 1; ; pages++) {
          heard.push(...page.conversations.map(({ id }) => id))
          if (!page.more) return { heard, cursor: page.cursor }
          expect(pages).toBeLessThan(10)
          await onPage()
          page = await list(db, many.id, page.cursor)
        }
      }
      for (const since of [null, before.cursor]) {
        const { heard } = await drain(since)
        expect(heard.toSorted()).toEqual(ids.toSorted())
      }
      // One connection is all that the embedded database has.
      if (kind === 'embedded') return
      const late = ids[0] ?? ''
      const wait = { written: Promise.withResolvers<void>(), commit: Promise.withResolvers<void>() }
      const writing = db.transaction(async (tx) => {
        await tx.update(conversation).set({ title: 'Late', changed: thisTransaction }).where(eq(conversation.id, late))
        wait.written.resolve()
        await wait.commit.promise
      })
      await wait.written.promise
      await db
        .update(conversation)
        .set({ changed: thisTransaction })
        .where(and(eq(conversation.createdBy, many.id), ne(conversation.id, late)))
      const { heard, cursor } = await drain(before.cursor, () => {
        wait.commit.resolve()
        return writing
      })
      expect(new Set(heard)).toEqual(new Set(ids))
      // Its transaction was begun before those that the first page ended with, and not to be seen then.
      expect((await drain(cursor)).heard).toContain(late)
    })

    test('a passkey belongs to one person and one host, is counted upwards, and there are so many at most', async () => {
      const { db } = database
      const values = { host: 'chat.example.org', publicKey: 'AQID', counter: 0, transports: ['internal', 'hybrid'], name: 'Phone' }
      const one = { ...values, id: 'one', personId: eve.id }
      const by = async (personId: string) => {
        const id = newId()
        await openSession(db, { id, tokenHash: newId(), personId, label: '', expiresAt: new Date(Date.now() + 60_000) })
        return id
      }
      const hers = await by(eve.id)
      expect(await addPasskey(db, hers, one)).toMatchObject({ ...one, usedAt: null })
      expect(sqlState(await addPasskey(db, await by(ada.id), { ...one, personId: ada.id }).catch((error: unknown) => error))).toBe(
        UNIQUE_VIOLATION,
      )
      expect(await findPasskey(db, 'one', values.host)).toMatchObject({ passkey: one, person: eve })
      expect(await findPasskey(db, 'one', 'example.org')).toBeNull()

      const count = (counter: number) => db.transaction((tx) => countUse(tx, 'one', counter))
      expect([await count(0), await count(0), await count(2), await count(2), await count(1), await count(0)]).toEqual([
        true,
        true,
        true,
        false,
        false,
        false,
      ])
      const most = 2 ** 32 - 1
      expect((await Promise.all(Array.from({ length: 4 }, () => count(most)))).filter(Boolean)).toHaveLength(1)
      expect((await passkeysOf(db, eve.id))[0]).toMatchObject({ counter: most, usedAt: expect.any(Date) })

      await changePerson(db, eve.id, { disabled: true })
      expect(await addPasskey(db, hers, { ...one, id: 'two' })).toBeNull()
      expect(await findPasskey(db, 'one', values.host)).toBeNull()
      await changePerson(db, eve.id, { disabled: false })

      const more = Array.from({ length: LIMITS.passkeysAtOnce }, (_, number) => ({ ...one, id: `more ${number}` }))
      const added = await Promise.all(more.map((row) => addPasskey(db, hers, row)))
      expect(added.filter(Boolean)).toHaveLength(LIMITS.passkeysAtOnce - 1)
      await closeSession(db, hers)
      await removePasskey(db, 'more 0', eve.id)
      expect(await addPasskey(db, hers, { ...one, id: 'more 0' })).toBeNull()
      expect(await removePasskey(db, 'one', ada.id)).toBe(false)
      expect([await removePasskey(db, 'one', eve.id), await removePasskey(db, 'one', eve.id)]).toEqual([true, false])
      expect(await count(most)).toBe(false)
    })

    test('a budget is kept as it was set last', async () => {
      expect(await readBudget(database.db)).toBeNull()
      const budget = { personDayTokens: 5, roomDayTokens: null, serverDayTokens: 6, guestsDayTokens: 8, personMinuteRequests: 2 }
      await writeBudget(database.db, { ...budget, personDayTokens: 1 })
      await writeBudget(database.db, budget)
      expect(await readBudget(database.db)).toEqual(budget)
    })

    test('what is being written counts for whoever asks next, who waits for its end or for a higher bound', async () => {
      const budgets = await Budgets.open(database.db)
      const { rows } = await usageSince(database.db, ada, dayOf(Date.now()))
      const total = rows.reduce((sum, row) => sum + row.total, 0)
      const bound = (tokens: number) => budgets.set({ ...budgets.current, personDayTokens: null, serverDayTokens: total + tokens })
      await bound(10)
      const id = await room()
      const [one, two] = [await ask(id, 'one'), await ask(id, 'two')]
      let tokens = 3
      const look = async (replyId: string) => (await budgets.look(replyId)) ?? expect.unreachable()
      const take = async (replyId: string) => budgets.take(replyId, await look(replyId), () => tokens)
      const waits = (found: Awaited<ReturnType<typeof take>>) => (found && 'until' in found ? found.until : expect.unreachable())
      expect(await take(one.replyId)).toBeNull()
      tokens = 10
      const higher = waits(await take(two.replyId))
      await bound(9)
      await higher
      const before = await look(two.replyId)
      const ended = waits(budgets.take(two.replyId, before, () => 1))
      budgets.ended(one.replyId)
      await ended
      // Nobody knows whether its cost was in what was read before it had ended.
      await waits(budgets.take(two.replyId, before, () => 1))
      expect(await take(two.replyId)).toBeNull()
      budgets.ended(two.replyId)
      await bound(0)
      expect(await take(one.replyId)).toMatchObject({ code: 'budget_used_up', whose: 'server' })
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
