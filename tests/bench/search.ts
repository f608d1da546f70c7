import { sql } from 'drizzle-orm'
import { newId, terms } from '#contract'
import { searchMessages } from '../../server/database/search.ts'
import { conversation, member, person } from '../../server/database/schema.ts'
import { Database } from '../../web/store/database.ts'
import { cleared, NOT_KEPT } from '../../web/store/shelves.ts'
import { SearchTexts } from '../../web/store/search-texts.ts'
import { openTestDatabase } from '../support/database.ts'
import { quantile } from './figures.ts'

const ROOMS = 100
const WORDS = 40
/** Between two messages: 50,000 are a year. */
const EVERY_MS = 10 * 60_000
/** From what is in every message to what is in none. */
const QUERIES = ['"the end"', 'the ', 'common', 'word12', 'word12 word340', 'wor', '"word1 word2"', 'nowhere']

/** What is found on a device with so many messages, and in a database with so many, each by several queries. */
export async function searching(options: { here: number; there: number; rounds: number }): Promise<string> {
  const here = await onDevice(options.here, options.rounds)
  const there = await onServer(options.there, options.rounds)
  return ['Search, ms: median, p95, longest', ...here, ...there].join('\n')
}

function textOf(index: number): string {
  const words = Array.from({ length: WORDS }, (_, place) => `word${(index * 31 + place * place * 17) % 5_000}`)
  return `${index % 41 === 0 ? 'common ' : ''}${words.join(' ')} the end`
}

async function onDevice(count: number, rounds: number): Promise<string[]> {
  const db = new Database(newId())
  const room = (index: number) => `room-${index % ROOMS}`
  await db.messages.bulkPut(
    Array.from({ length: count }, (_, index) => ({
      ...{ id: newId(), conversationId: room(index), parentId: null, kind: 'note' as const, author: { id: 'ada', name: 'Ada' } },
      ...{
        text: textOf(index),
        position: index + 1,
        revision: index + 1,
        createdAt: index * EVERY_MS,
        deleted: false,
        delivery: 'sent' as const,
      },
    })),
  )
  const row = {
    revision: 1,
    title: '',
    model: null,
    instructions: '',
    temperature: null,
    thinking: null,
    answer: 'always' as const,
    guestsAsk: true,
    dayTokens: null,
    count: 0,
  }
  await db.conversations.bulkPut(
    Array.from({ length: ROOMS }, (_, index) => ({
      ...row,
      ...{
        id: room(index),
        headId: null,
        last: null,
        runningId: null,
        createdAt: 0,
        updatedAt: 0,
        deleted: false,
        origin: 'server' as const,
        ...cleared(NOT_KEPT),
        shelf: 'open' as const,
        place: 0,
      },
    })),
  )
  const texts = new SearchTexts(db)
  const startedAt = performance.now()
  const stop = await new Promise<() => void>((resolve) => {
    const end = texts.start(() => resolve(() => end()))
  })
  const readMs = performance.now() - startedAt
  const lines = await timed(rounds, (query) => texts.find(terms(query), 30).length)
  stop()
  await db.delete()
  return [`${count} messages on the device, in memory after ${readMs.toFixed(0)} ms`, ...lines]
}

async function onServer(count: number, rounds: number): Promise<string[]> {
  const database = await openTestDatabase('postgres')
  const { db } = database
  const [ada, bob] = [newId(), newId()]
  const changed = sql`pg_current_xact_id()`
  await db.insert(person).values([ada, bob].map((id) => ({ id, name: 'Ada', kind: 'member' as const })))
  const rooms = Array.from({ length: ROOMS }, () => newId())
  await db.insert(conversation).values(rooms.map((id) => ({ id, revision: 1, createdBy: ada, changed })))
  // The rooms are two people's, in turns: what the index finds is not all the reader's.
  await db
    .insert(member)
    .values(rooms.map((conversationId, index) => ({ conversationId, personId: index % 2 ? ada : bob, role: 'owner' as const, changed })))
  const startedAt = performance.now()
  for (const [index, id] of rooms.entries()) {
    const texts = JSON.stringify(Array.from({ length: count / ROOMS }, (_, row) => textOf(row * ROOMS + index)))
    await db.execute(sql`insert into message (id, conversation_id, kind, author_id, text, position, revision)
      select gen_random_uuid(), ${id}::uuid, 'note', ${ada}::uuid, value, ordinality, ordinality
      from jsonb_array_elements_text(${texts}::text::jsonb) with ordinality`)
  }
  await db.execute(sql`analyze`)
  const head = `${count} messages in PostgreSQL, stored in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`
  const lines = await timed(rounds, async (query) => (await searchMessages(db, ada, { query, limit: 30 })).hits.length)
  await database.close()
  return [head, ...lines]
}

async function timed(rounds: number, find: (query: string) => number | Promise<number>): Promise<string[]> {
  const all: number[] = []
  const lines: string[] = []
  for (const query of QUERIES) {
    const times: number[] = []
    let hits = 0
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now()
      hits = await find(query)
      times.push(performance.now() - startedAt)
    }
    all.push(...times)
    lines.push(`  ${query.padEnd(16)} ${figures(times)}  (${hits} shown)`)
  }
  return [...lines, `  ${'all of them'.padEnd(16)} ${figures(all)}`]
}

function figures(times: readonly number[]): string {
  return [0.5, 0.95, 1].map((share) => quantile(times, share).toFixed(1).padStart(8)).join('')
}
