import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test'
import { eq, sql } from 'drizzle-orm'
import { newId } from '#contract'
import { type Database, type Db, rows } from '../../server/database/open.ts'
import { conversation, member, message, person } from '../../server/database/schema.ts'
import { searchMessages } from '../../server/database/search.ts'
import { type DatabaseFixture, startDatabases, type TestDatabase } from './database.ts'

const START_MS = 60_000
const changed = sql`pg_current_xact_id()`

/** What would make a tsvector of a whole text too long, or its words too long for an index. */
const TEXTS = {
  'a million different words': () => Array.from({ length: 150_000 }, (_, index) => `w${index.toString(36)}`).join(' '),
  'one word of a million bytes': () => 'ä'.repeat(500_000),
  'long words of four bytes each': () => Array.from({ length: 500 }, (_, index) => '𠮷'.repeat(480) + index).join(' '),
  'different pairs of wide letters': () =>
    Array.from({ length: 64_000 }, (_, index) => String.fromCodePoint(0x20000 + (index % 40_000)) + (index % 3 === 0 ? ' ' : '')).join(''),
  'words in hyphens and addresses': () => Array.from({ length: 9_000 }, (_, index) => `häus-${index}-ünd.example.com/ä/${index}`).join(' '),
}

/**
 * Whatever PostgreSQL's parser looks ahead in, again from every word: each of them would take it seconds to minutes if it saw them. Found by trying
 * all periods of two and most of three of its characters.
 */
const LOOKED_AHEAD_IN = [
  ...['a_', 'a@1', '1a@', '1_a', 'a-b_c', '/~', '~/', './', '<!--', '1#e', 'a.\\', 'ax=', 'a-', '~#', '1<a', 'a&', 'a:@', '&#x1;', "a'"],
  ...['http://a.b/c?d=', 'a@b.c', 'a.b.', '-1.5e-', '+1', '/a', '<a b="', 'mailto:a@'],
]

/** What is found, and by whom: the same for each of the doors. */
export function searchCases(kind: Database['kind']): void {
  describe(`messages are found in the ${kind} database`, () => {
    let fixture: DatabaseFixture
    let database: TestDatabase
    let db: Db
    const [ada, eve, room, other] = [newId(), newId(), newId(), newId()]
    let position = 0

    beforeAll(async () => {
      fixture = await startDatabases(kind)
      database = await fixture.open()
      db = database.db
      await db.insert(person).values([
        { id: ada, name: 'Ada', kind: 'member' },
        { id: eve, name: 'Eve', kind: 'member' },
      ])
      await db.insert(conversation).values([room, other].map((id) => ({ id, revision: 1, createdBy: ada, changed })))
      await db.insert(member).values([
        { conversationId: room, personId: ada, role: 'owner', changed },
        { conversationId: other, personId: eve, role: 'owner', changed },
      ])
      await say(room, 'The quick brown fox jumps over the lazy dog', { createdAt: new Date(1_000) })
      await say(room, 'A lazy afternoon, quickly gone: it’s the Zürich lake', { createdAt: new Date(2_000) })
      await say(room, 'A deleted fox', { deletedAt: new Date() })
      await say(room, 'A fox that is being written', { kind: 'reply', state: 'streaming' })
      await say(room, 'A fox that was written', { kind: 'reply', state: 'complete', model: 'gemini', createdAt: new Date(3_000) })
      await say(other, 'The fox of somebody else')
    }, START_MS)
    afterAll(async () => {
      await database?.remove()
      await fixture?.stop()
    }, START_MS)

    async function say(conversationId: string, text: string, more: Partial<typeof message.$inferInsert> = {}): Promise<void> {
      position++
      await db
        .insert(message)
        .values({ id: newId(), conversationId, kind: 'note', authorId: ada, text, position, revision: position, ...more })
    }

    async function found(query: string, personId = ada): Promise<string[]> {
      const { hits } = await searchMessages(db, personId, { query, limit: 20 })
      return hits.map(({ snippet }) => snippet.text)
    }

    test('by all of their words, the last one perhaps unfinished, newest first', async () => {
      expect(await found('lazy quick')).toEqual([
        'A lazy afternoon, quickly gone: it’s the Zürich lake',
        'The quick brown fox jumps over the lazy dog',
      ])
      expect(await found('quick lazy ')).toEqual(['The quick brown fox jumps over the lazy dog'])
      expect(await found('fo')).toEqual(['A fox that was written', 'The quick brown fox jumps over the lazy dog'])
      expect(await found('ZÜRI')).toHaveLength(1)
      expect(await found('lazy cat')).toEqual([])
    })

    test('whatever case and accents they are written in, in the text or in the query', async () => {
      await say(other, 'Über МОСКВА: Ελλάδα, Hà Nội; Łódź “Ёлка”—crème…fin, ru\u0308ber soft\u00adware 漢字。かな')
      const queries = [
        'über',
        'UBER',
        'uber ',
        'U\u0308BER ',
        'Москва ',
        'москва',
        'ελλαδα ',
        'ΕΛΛΆΔΑ',
        '"ha noi"',
        'HÀ NỘI ',
        'Łódź ',
        'łodz ',
        'елка ',
      ]
      for (const query of [...queries, 'creme ', 'CRÈME fin ', 'ruber ', 'Rüber', 'software ', '漢字 ', 'かな']) {
        expect(await found(query, eve), query).toHaveLength(1)
      }
    })

    test('by words in a row when they are in quotes', async () => {
      expect(await found('"brown fox"')).toHaveLength(1)
      expect(await found('"fox brown"')).toEqual([])
      expect(await found('"the lazy')).toHaveLength(1)
    })

    test('only by those who are in the room', async () => {
      expect(await found('fox', eve)).toEqual(['The fox of somebody else'])
      expect(await found('fox', newId())).toEqual([])
    })

    test('page by page', async () => {
      const first = await searchMessages(db, ada, { query: 'fox', limit: 1 })
      const [hit] = first.hits
      if (!hit) throw new Error('nothing was found')
      expect(first.more).toBe(true)
      expect(hit).toMatchObject({ kind: 'reply', author: 'gemini', createdAt: 3_000, snippet: { ranges: [[2, 5]] } })
      const second = await searchMessages(db, ada, { query: 'fox', limit: 1, before: hit })
      expect(
        await searchMessages(db, ada, { query: 'fox', limit: 5, before: { ...hit, createdAt: Number.MAX_SAFE_INTEGER } }),
      ).toMatchObject({
        hits: [{}, {}],
      })
      expect(second).toMatchObject({ hits: [{ author: 'Ada', createdAt: 1_000 }], more: false })
    })

    test('or not, by anything that means something to a query', async () => {
      for (const query of ["'", "a' & b", '\\', '!fox | (', ':*', "fox':*", '""', '"', '<->', '\0', '%', '💥', '- "" fox:*AB']) {
        await found(query)
      }
    })

    for (const [name, text] of Object.entries(TEXTS)) {
      test(`and stored whatever their words: ${name}`, async () => {
        const [whole, marked] = [text(), newId()]
        await say(room, `${marked} ${whole}`)
        expect(await found(marked)).toHaveLength(1)
      })
    }

    test('and stored soon when they are nothing but the beginnings of addresses, hosts, paths, numbers and tags', async () => {
      const id = newId()
      await say(room, '', { id, kind: 'reply', state: 'complete' })
      for (const period of LOOKED_AHEAD_IN) {
        const text = `ready ${period.repeat(70_000 / period.length)}`
        await db.update(message).set({ text }).where(eq(message.id, id))
      }
      expect(await found('ready')).toHaveLength(1)
    })

    test('and others are heard while the excerpts of long texts are made, of what was searched only', async () => {
      for (let count = 0; count < 5; count++) await say(room, `marathon ${'ä long way '.repeat(10_000)}`)
      const [turns, lengths] = [new Set<number>(), new Set<number>()]
      let turn = 0
      let timer = setImmediate(function next() {
        turn++
        timer = setImmediate(next)
      })
      const toWellFormed = spyOn(String.prototype, 'toWellFormed').mockImplementation(function (this: string) {
        if (this.length > 1_000) {
          turns.add(turn)
          lengths.add(this.length)
        }
        return this.slice()
      })
      try {
        expect(await found('marathon')).toHaveLength(5)
      } finally {
        toWellFormed.mockRestore()
        clearImmediate(timer)
      }
      expect(turns.size).toBe(5)
      expect([...lengths]).toEqual([64_000])
    })

    test('by words with marks in them', async () => {
      await say(room, 'See src/main_window.ts, https://notes.test/a-b?c=<opened>, ada@notes.example and 3.14')
      for (const query of [
        'main_window',
        'src/main_window.ts ',
        'window',
        'notes.test',
        'a-b?c',
        '<opened>',
        'ada@notes',
        '3.14 ',
        '"main window ts"',
      ]) {
        expect(await found(query), query).toHaveLength(1)
      }
      expect(await found('window_main')).toEqual([])
    })

    test('with the help of an index', async () => {
      const plan = await db.transaction(async (tx) => {
        await tx.execute(sql`set local enable_seqscan = off`)
        return JSON.stringify(await rows(tx, sql`explain select id from message where ${message.searched} @@ 'fox'`))
      })
      expect(plan).toContain('message_searched')
    })
  })
}
