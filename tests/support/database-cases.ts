import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import { type Failure, newId, type Usage } from '#contract'
import { migrate } from '../../server/database/migrate.ts'
import { type Database, type Db, openDatabase, rows } from '../../server/database/open.ts'
import { conversation, message, person } from '../../server/database/schema.ts'
import { isUnavailable, sqlState } from '../../server/database/sql-state.ts'
import { type DatabaseFixture, startDatabases, type TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'

const START_MS = 60_000
const SLOW_MS = 60_000
const changed = sql`pg_current_xact_id()`

const TEXTS: Record<string, string> = {
  'nothing at all': '',
  emoji: 'a 👩‍👩‍👧‍👦 family, a 🏳️‍🌈 and a 🇨🇭',
  'Chinese, Japanese and Korean': '漢字 かな カナ 한국어 𠮷',
  'right to left and combining marks': 'שלום مرحبا e\u0301 q\u0307',
  quotes: `'single' "double" ''twice'' $1 $$dollar$$ \u2019`,
  backslashes: String.raw`C:\new\table \\ \x41 \u0041 \' E'\n'`,
  'control characters': 'tab\t line\n return\r\n bell\u0007 escape\u001b',
  'the replacement character': '\uFFFD\uFFFE\uFFFF',
  SQL: `'); drop table message; --`,
  JSON: '{"a": [1, "\\u0000"]}',
  'three hundred thousand bytes': 'ä漢🎈x'.repeat(30_000),
}

/** What every database has to be able to do for the records: the same for each of the doors. */
export function databaseCases(kind: Database['kind']): void {
  describe(`the ${kind} database`, () => {
    let fixture: DatabaseFixture
    let database: TestDatabase
    let db: Db
    beforeAll(async () => {
      fixture = await startDatabases(kind)
      database = await fixture.open()
      db = database.db
    }, START_MS)
    afterAll(async () => {
      await database?.remove()
      await fixture?.stop()
    }, START_MS)

    test('says which kind it is and that it is alive', async () => {
      expect(database.kind).toBe(kind)
      expect(await database.alive()).toBe(true)
    })

    for (const [name, text] of Object.entries(TEXTS)) {
      test(`keeps a text exactly: ${name}`, async () => {
        const room = await newRoom(db)
        const [stored] = await db
          .insert(message)
          .values(note(room, 1, text))
          .returning({ id: message.id, text: message.text })
        expect(stored?.text === text).toBe(true)
        const [read] = await db
          .select()
          .from(message)
          .where(and(eq(message.conversationId, room.id), eq(message.text, text)))
        expect(read?.id).toBe(stored?.id)
        expect(read?.text === text).toBe(true)
        const [counted] = await rows(db, sql`select octet_length(text) as bytes from message where id = ${stored?.id}`)
        expect(Number(counted?.bytes)).toBe(Buffer.byteLength(text))
      })
    }

    test('stores half of a surrogate pair as the replacement character', async () => {
      const room = await newRoom(db)
      const [stored] = await db
        .insert(message)
        .values(note(room, 1, 'a\uD83Cb\uDF89c'))
        .returning()
      expect(stored?.text).toBe('a\uFFFDb\uFFFDc')
    })

    test('refuses a text with a zero character, and not as an outage', async () => {
      const room = await newRoom(db)
      const error = await failure(db.insert(message).values(note(room, 1, 'a\0b')))
      expect(sqlState(error)).toBe('22021')
      expect(isUnavailable(error)).toBe(false)
      expect(await database.alive()).toBe(true)
    })

    test('stores JSON as an object, not as a string that holds one', async () => {
      const room = await newRoom(db)
      const usage: Usage = { prompt: 5, output: 3, thoughts: 1, total: 9 }
      const [stored] = await db
        .insert(message)
        .values({ ...note(room, 1, ''), usage })
        .returning()
      expect(stored?.usage).toEqual(usage)
      await db
        .update(message)
        .set({ failure: FAILURE })
        .where(eq(message.id, stored?.id ?? ''))
      const [read] = await db.select().from(message).where(eq(message.conversationId, room.id))
      expect(read?.failure).toEqual(FAILURE)
      const [raw] = await rows(
        db,
        sql`select jsonb_typeof(usage) as usage, jsonb_typeof(failure) as failure, usage ->> 'total' as total from message where id = ${stored?.id}`,
      )
      expect(raw).toMatchObject({ usage: 'object', failure: 'object', total: '9' })
    })

    test('keeps a missing value apart from an empty one', async () => {
      const room = await newRoom(db)
      const [stored] = await db
        .insert(message)
        .values(note(room, 1, ''))
        .returning()
      expect(stored).toMatchObject({
        text: '',
        usage: null,
        failure: null,
        state: null,
        parentId: null,
        finishedAt: null,
        truncated: false,
      })
      const [raw] = await rows(
        db,
        sql`select (usage is null and failure is null and finished_at is null) as missing from message where id = ${stored?.id}`,
      )
      expect(raw?.missing).toBe(true)
    })

    test('keeps points in time to the millisecond and ids as they were given', async () => {
      const createdAt = new Date('2026-03-29T01:59:59.987Z')
      const disabledAt = new Date('1969-12-31T23:59:59.001Z')
      const id = newId()
      await db.insert(person).values({ id, name: 'Mara', kind: 'member', createdAt, disabledAt })
      const [read] = await db.select().from(person).where(eq(person.createdAt, createdAt))
      expect(read).toEqual({
        id,
        name: 'Mara',
        kind: 'member',
        createdAt,
        disabledAt,
        seenAt: null,
        dayTokens: null,
        defaultModel: null,
        defaultInstructions: '',
      })
      const [now] = await db
        .select({ createdAt: conversation.createdAt })
        .from(conversation)
        .where(eq(conversation.id, (await newRoom(db)).id))
      expect(Math.abs(Date.now() - Number(now?.createdAt))).toBeLessThan(60_000)
    })

    test('finds every change of transactions that were open at a remembered moment', async () => {
      const [before] = await rows(db, sql`select pg_snapshot_xmin(pg_current_snapshot())::text as xmin`)
      const room = await newRoom(db)
      const [read] = await db
        .select()
        .from(conversation)
        .where(and(eq(conversation.id, room.id), sql`${conversation.changed} >= ${String(before?.xmin)}::xid8`))
      expect(read?.changed).toMatch(/^\d+$/)
    })

    test('keeps all of a transaction or nothing of it', async () => {
      const [kept, inner, lost] = [newId(), newId(), newId()]
      await db.transaction(async (tx) => {
        await tx.insert(person).values({ id: kept, name: 'kept', kind: 'member' })
        await tx
          .transaction(async (nested) => {
            await nested.insert(person).values({ id: inner, name: 'inner', kind: 'member' })
            throw new Error('only the inner one')
          })
          .catch(() => {})
      })
      const error = await failure(
        db.transaction(async (tx) => {
          await tx.insert(person).values({ id: lost, name: 'lost', kind: 'member' })
          throw new Error('on purpose')
        }),
      )
      expect(error).toMatchObject({ message: 'on purpose' })
      expect(await exists(db, [kept, inner, lost])).toEqual([true, false, false])
    })

    test(
      'reports a duplicate as 23505, inside and outside of a transaction, and goes on',
      async () => {
        const values = { id: newId(), name: 'Mara', kind: 'member' } as const
        await db.insert(person).values(values)
        const outside = await failure(db.insert(person).values(values))
        const inside = await failure(db.transaction((tx) => tx.insert(person).values(values)))
        for (const error of [outside, inside]) {
          expect(sqlState(error)).toBe('23505')
          expect(isUnavailable(error)).toBe(false)
        }
        expect(await db.insert(person).values(values).onConflictDoNothing().returning()).toEqual([])
        for (let attempt = 0; attempt < 20; attempt++) await failure(db.transaction((tx) => tx.insert(person).values(values)))
        expect(await database.alive()).toBe(true)
      },
      SLOW_MS,
    )

    test(
      'keeps thirty transactions at once apart',
      async () => {
        const room = await newRoom(db)
        const add = (index: number) =>
          db.transaction(async (tx) => {
            const [row] = await tx
              .select({ title: conversation.title })
              .from(conversation)
              .where(eq(conversation.id, room.id))
              .for('update')
            await tx
              .update(conversation)
              .set({ title: `${row?.title},${index}` })
              .where(eq(conversation.id, room.id))
          })
        await Promise.all(Array.from({ length: 30 }, (_, index) => add(index)))
        const [row] = await db.select({ title: conversation.title }).from(conversation).where(eq(conversation.id, room.id))
        expect(row?.title.split(',').length).toBe(31)
      },
      SLOW_MS,
    )

    test(
      'never lets a reader miss a revision, with eight writers in one room',
      async () => {
        const room = await newRoom(db)
        const [writers, each] = [8, 25]
        const write = async () => {
          for (let count = 0; count < each; count++) {
            await db.transaction(async (tx) => {
              const [row] = await tx
                .update(conversation)
                .set({ revision: sql`${conversation.revision} + 1`, changed })
                .where(eq(conversation.id, room.id))
                .returning({ revision: conversation.revision })
              await tx.insert(message).values(note(room, row?.revision ?? 0, 'text'))
            })
          }
        }
        const seen: number[] = []
        const pull = async () => {
          const after = seen.at(-1) ?? 0
          const page = await db
            .select({ revision: message.revision })
            .from(message)
            .where(and(eq(message.conversationId, room.id), gt(message.revision, after)))
            .orderBy(asc(message.revision))
            .limit(20)
          seen.push(...page.map(({ revision }) => revision))
        }
        let writing = true
        const written = Promise.all(Array.from({ length: writers }, write)).finally(() => (writing = false))
        while (writing) await pull()
        await written
        while (seen.length < writers * each) {
          const before = seen.length
          await pull()
          if (seen.length === before) break
        }
        expect(seen).toEqual(Array.from({ length: writers * each }, (_, index) => index + 1))
      },
      SLOW_MS,
    )

    test(
      'loses no acknowledged row when its connections break, and works again',
      async () => {
        const acknowledged: string[] = []
        const failures: unknown[] = []
        let writing = true
        const write = async () => {
          while (writing) {
            const id = newId()
            try {
              await db.transaction(async (tx) => {
                await tx.insert(person).values({ id, name: 'before', kind: 'member' })
                await tx.update(person).set({ name: 'after' }).where(eq(person.id, id))
              })
              acknowledged.push(id)
            } catch (error) {
              failures.push(error)
              await Bun.sleep(5)
            }
          }
        }
        const written = Promise.all([write(), write(), write()])
        for (let round = 0; round < 3; round++) {
          const before = acknowledged.length
          await eventually(() => acknowledged.length > before + 5)
          await database.breakConnections()
          const broken = acknowledged.length
          await eventually(() => acknowledged.length > broken + 5)
        }
        writing = false
        await written
        expect(failures.length).toBeGreaterThan(0)
        expect(failures.filter((error) => !isUnavailable(error))).toEqual([])
        expect((await exists(db, acknowledged)).every(Boolean)).toBe(true)
      },
      SLOW_MS,
    )

    test(
      'undoes a transaction whose connection breaks between two statements',
      async () => {
        const id = newId()
        const error = await failure(
          db.transaction(async (tx) => {
            await tx.insert(person).values({ id, name: 'lost', kind: 'member' })
            await database.breakConnections()
            await tx.update(person).set({ name: 'still lost' }).where(eq(person.id, id))
          }),
        )
        expect(isUnavailable(error)).toBe(true)
        await eventually(() => database.alive())
        expect(await exists(db, [id])).toEqual([false])
      },
      SLOW_MS,
    )

    test(
      'has all of its connections left after twenty broken transactions',
      async () => {
        for (let round = 0; round < (kind === 'embedded' ? 3 : 20); round++) {
          await failure(
            db.transaction(async (tx) => {
              await tx.execute(sql`select 1`)
              await database.breakConnections()
              await tx.execute(sql`select 1`)
            }),
          )
          await eventually(() => database.alive())
        }
        const all = () => Promise.all(Array.from({ length: 20 }, () => db.transaction((tx) => tx.execute(sql`select pg_sleep(0.01)`))))
        // One that was broken last may have been idle: whoever gets it first is told.
        await eventually(async () => (await all()).length === 20)
      },
      SLOW_MS,
    )

    test('does nothing when it is migrated again', async () => {
      const id = newId()
      await db.insert(person).values({ id, name: 'Mara', kind: 'member' })
      const applied = () => rows(db, sql`select id, hash, created_at::text as at from drizzle.__drizzle_migrations order by id`)
      const before = await applied()
      expect(before.length).toBeGreaterThan(0)
      await migrate(db)
      expect(await applied()).toEqual(before)
      expect(await exists(db, [id])).toEqual([true])
    })

    test(
      'has everything after it was closed and opened again',
      async () => {
        const own = await fixture.open()
        const id = newId()
        await own.db.insert(person).values({ id, name: 'Mara', kind: 'member' })
        await own.close()
        expect(await own.alive()).toBe(false)
        const again = await openDatabase(own.options)
        expect(await exists(again.db, [id])).toEqual([true])
        await again.close()
        await own.remove()
      },
      SLOW_MS,
    )
  })
}

const FAILURE: Failure = { code: 'blocked', reason: 'SAFETY "漢" \\', prompt: false }

type Room = { readonly id: string; readonly personId: string }

async function newRoom(db: Db): Promise<Room> {
  const room = { id: newId(), personId: newId() }
  await db.insert(person).values({ id: room.personId, name: 'Mara', kind: 'member' })
  await db.insert(conversation).values({ id: room.id, revision: 0, createdBy: room.personId, changed })
  return room
}

function note(room: Room, revision: number, text: string) {
  return { id: newId(), conversationId: room.id, authorId: room.personId, kind: 'note', text, position: revision, revision } as const
}

async function exists(db: Db, ids: string[]): Promise<boolean[]> {
  const found = new Set((await db.select({ id: person.id }).from(person)).map(({ id }) => id))
  return ids.map((id) => found.has(id))
}

/** What a promise was rejected with; fails when it was not. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  let error: unknown
  await promise.then(
    () => expect.unreachable('it should have failed'),
    (reason) => (error = reason),
  )
  return error
}
