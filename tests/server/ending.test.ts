import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eq, sql } from 'drizzle-orm'
import { type ModelFacts, newId, type Person } from '#contract'
import { create, current } from '../../server/database/conversations.ts'
import type { Db } from '../../server/database/open.ts'
import { finish } from '../../server/database/finishing.ts'
import { begin, readReply } from '../../server/database/replies.ts'
import { requeue } from '../../server/database/resuming.ts'
import { conversation, person } from '../../server/database/schema.ts'
import { send } from '../../server/database/sending.ts'
import { usageSince } from '../../server/database/usage.ts'
import { Budgets } from '../../server/replies/budgets.ts'
import { NOTHING_SAID } from '../../server/replies/ending.ts'
import { readChunk } from '../../server/replies/gemini-chunk.ts'
import { openJournals } from '../../server/replies/journal.ts'
import type { ModelEvent, ModelRequest } from '../../server/replies/model.ts'
import { Models } from '../../server/replies/models.ts'
import { ReplyQueue } from '../../server/replies/queue.ts'
import { recover } from '../../server/replies/recover.ts'
import { TITLE_INSTRUCTIONS } from '../../server/replies/title.ts'
import { createChanges } from '../../server/rooms/changes.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { silent } from '../support/prepared-database.ts'

const ada: Person = { id: newId(), name: 'Ada', kind: 'owner' }
const usage = { prompt: 5, output: 3, thoughts: 1, total: 8 }

let database: TestDatabase
const directory = mkdtempSync(join(tmpdir(), 'confab-ending-'))
beforeAll(async () => {
  database = await openTestDatabase()
  await database.db.insert(person).values([ada])
}, 60_000)
afterAll(async () => {
  await database.close()
  rmSync(directory, { recursive: true })
}, 30_000)

async function start(
  script: (request: ModelRequest) => AsyncGenerator<ModelEvent>,
  db: Db = database.db,
  list = async (): Promise<ModelFacts[]> => [],
) {
  const bus = { publish: () => {}, has: () => false }
  const changes = createChanges({
    bus,
    sockets: { drop: () => {}, peopleIn: () => new Set(), setRole: () => {} },
    presence: { people: async () => [], publishPeople: () => {} },
    readers: { closeRoom: () => {} },
    look: (id) => current(database.db, id),
  })
  const model = { name: 'm', speaker: 'Model', demo: false, list, stream: script }
  const budgets = await Budgets.open(db)
  const models = new Models(model, () => {})
  const parts = { db, bus, changes, journals: openJournals(directory), model, models, log: silent, budgets }
  return { parts, queue: new ReplyQueue(parts, 4) }
}

/** In a room with a title the model is asked for none. */
async function ask(title: { title?: string } = { title: 'Named' }) {
  const conversationId = newId()
  await create(database.db, ada, conversationId, title)
  const ids = { id: newId(), replyId: newId() }
  await send(database.db, ada, { ...ids, conversationId, text: 'Hello', kind: 'prompt' })
  return { id: ids.replyId, conversationId, askedBy: ada }
}

const read = (id: string) => readReply(database.db, id)
const costs = async (id: string) =>
  (await usageSince(database.db, ada, '2000-01-01')).rows.flatMap(({ conversation, calls, total }) =>
    conversation.id === id ? [{ calls, total }] : [],
  )
const ended = (id: string) =>
  eventually(async () => {
    const reply = await read(id)
    return reply && reply.state !== 'queued' && reply.state !== 'streaming' && readdirSync(directory).length === 0 ? reply : undefined
  })

test('what was read stays when the rest of an end cannot be stored, and so does what it has cost', async () => {
  const { queue } = await start(async function* () {
    yield { type: 'text', text: 'people have read this' }
    yield { type: 'usage', usage, model: 'm\0' }
    yield { type: 'finish', truncated: false }
  })
  const reply = await ask()
  queue.add(reply)
  expect(await ended(reply.id)).toMatchObject({ state: 'failed', text: 'people have read this', usage, failure: { code: 'internal' } })
  expect(await costs(reply.conversationId)).toEqual([{ calls: 1, total: 8 }])
})

test('a start of the server keeps the text of such an end, too', async () => {
  const { parts } = await start(async function* () {})
  const reply = await ask()
  const journal = parts.journals.create({ id: reply.id, conversationId: reply.conversationId, kept: 0 })
  journal.append('read before the kill')
  journal.end({ state: 'complete', failure: null, truncated: false, stoppedBy: null, usage, model: 'm\0' }, new Date())
  await recover(parts)
  expect(await ended(reply.id)).toMatchObject({ state: 'failed', text: 'read before the kill', usage })
})

for (const [how, code] of [
  ['takes too long to write', '57014'],
  ['cannot be written', '22000'],
]) {
  test(`a start of the server is not kept from by a reply whose row ${how}, and the next one still has its text`, async () => {
    const { db } = database
    const { parts } = await start(async function* () {})
    const [stuck, other] = [await ask(), await ask()]
    for (const reply of [stuck, other]) {
      await begin(db, reply)
      parts.journals.create({ id: reply.id, conversationId: reply.conversationId, kept: 0 }).append('people have read this')
    }
    await db.execute(
      sql.raw(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no' using errcode = '${code}'; end $$`),
    )
    await db.execute(
      sql.raw(`create trigger refuse before update on message for each row when (new.id = '${stuck.id}') execute function refuse()`),
    )
    expect(await recover(parts)).toEqual([])
    expect(await read(other.id)).toMatchObject({ state: 'interrupted', text: 'people have read this' })
    expect(await read(stuck.id)).toMatchObject({ state: 'streaming' })

    await db.execute(sql`drop function refuse cascade`)
    await recover(parts)
    expect(await ended(stuck.id)).toMatchObject({ state: 'interrupted', text: 'people have read this' })
  })
}

test('what was seen of a reply that a start has left in its journal is kept when somebody stops it, and how it had ended', async () => {
  const { parts, queue } = await start(async function* () {})
  const [open, done] = [await ask(), await ask()]
  for (const reply of [open, done]) {
    await begin(database.db, reply)
    const journal = parts.journals.create({ id: reply.id, conversationId: reply.conversationId, kept: 0 })
    journal.append('people have read this')
    if (reply === done) journal.end({ ...NOTHING_SAID, state: 'complete' }, new Date(5_000))
    await queue.stop(reply, { by: ada })
  }
  expect(await ended(open.id)).toMatchObject({ state: 'stopped', text: 'people have read this', stoppedBy: { id: ada.id } })
  expect(await ended(done.id)).toMatchObject({ state: 'complete', text: 'people have read this', finishedAt: 5_000 })
})

test('what is known of a reply from before stays when it is put back into the queue and not asked for', async () => {
  const { queue } = await start(async function* () {
    yield { type: 'thought', text: 'Hm.' }
    yield { type: 'text', text: 'half' }
    yield { type: 'usage', usage, model: 'm' }
  })
  const reply = await ask()
  queue.add(reply)
  const half = await ended(reply.id)
  await requeue(database.db, ada, reply.id, half.revision)
  await queue.stop(reply, { by: ada })
  const { text, model, thoughts } = half
  expect(await ended(reply.id)).toMatchObject({ state: 'stopped', text, model, usage, thoughts })
  expect(await costs(reply.conversationId)).toEqual([{ calls: 1, total: 8 }])
})

test('what the provider says of itself can be stored', () => {
  const chunk = readChunk({ modelVersion: 'm\0\ud800', candidates: [{ finishReason: 'ST\0OP' }], promptFeedback: { blockReason: 'A\0' } })
  expect(chunk).toMatchObject({ model: 'm\ufffd\ufffd', finishReason: 'OTHER', blockReason: 'OTHER' })
})

/** The database, whose answers get lost when `isLost` says so, after what was asked is done. */
function losing(isLost: () => Promise<boolean>): Db {
  return new Proxy(database.db, {
    get(target, name) {
      if (name !== 'transaction') return Reflect.get(target, name)
      return async (...args: Parameters<Db['transaction']>) => {
        const result = await target.transaction(...args)
        if (await isLost()) throw Object.assign(new Error('lost'), { code: 'ECONNRESET' })
        return result
      }
    },
  })
}

test('an end whose answer was lost does not end the reply that somebody has gone on with meanwhile, which is asked for anew', async () => {
  const reply = await ask()
  const kept: string[] = []
  let lost = false
  const db = losing(async () => {
    const now = await read(reply.id)
    if (lost || now?.state !== 'failed') return false
    lost = true
    expect((await requeue(database.db, ada, reply.id, now.revision)).kind).toBe('queued')
    expect(await read(reply.id)).toMatchObject({ state: 'queued', finishedAt: null })
    queue.add(reply)
    return true
  })
  const { queue } = await start(async function* (request) {
    kept.push(request.kept)
    yield { type: 'text', text: kept.length === 1 ? 'half' : ' and whole' }
    yield { type: 'usage', usage, model: 'm' }
    if (kept.length === 1) throw new Error('a bug')
    yield { type: 'finish', truncated: false }
  }, db)
  queue.add(reply)
  const whole = await eventually(async () => [await read(reply.id)].find((found) => found?.state === 'complete'))
  // Both calls were paid for; the second one takes the place of the first in the context.
  const both = { prompt: 10, output: 6, thoughts: 2, total: 16, fills: 7 }
  expect(whole).toMatchObject({ text: 'half and whole', failure: null, usage: both })
  expect(kept).toEqual(['', 'half'])
  expect(await costs(reply.conversationId)).toEqual([{ calls: 2, total: 16 }])
  await ended(reply.id)
})

test('a title that was not claimed is asked for after the next reply, once, and paid for once, whatever answers of the database are lost', async () => {
  const first = await ask({})
  const { conversationId } = first
  const titled = async () =>
    (await database.db.select().from(conversation).where(eq(conversation.id, conversationId))).map(({ title, titling }) => ({
      title,
      titling,
    }))[0]
  // A server that is killed between an end and its title has done this and no more.
  await finish(database.db, first, { ...NOTHING_SAID, state: 'complete', text: 'an answer' }, 'Model')
  expect(await titled()).toEqual({ title: 'Hello', titling: 'open' })

  const written = { claimed: 0, given: 0 }
  const db = losing(async () => {
    const now = await titled()
    const which = now?.title === 'Found' ? 'given' : now?.titling === 'asked' ? 'claimed' : null
    return which !== null && ++written[which] === 1
  })
  let titles = 0
  const { queue } = await start(async function* ({ instructions }) {
    if (instructions === TITLE_INSTRUCTIONS) titles++
    yield { type: 'text', text: instructions === TITLE_INSTRUCTIONS ? 'Found' : 'another answer' }
    yield { type: 'usage', usage, model: 'm' }
    yield { type: 'finish', truncated: false }
  }, db)
  const ids = { id: newId(), replyId: newId() }
  await send(database.db, ada, { ...ids, conversationId, text: 'And?', kind: 'prompt' })
  queue.add({ id: ids.replyId, conversationId, askedBy: ada })
  // Each of them once more.
  await eventually(() => written.claimed > 1 && written.given > 1)
  await queue.close(1_000)
  expect(await titled()).toEqual({ title: 'Found', titling: 'asked' })
  expect(titles).toBe(1)
  expect(await costs(conversationId)).toEqual([{ calls: 2, total: 16 }])
})

test('also the first reply of a server is asked for with what is known of its model', async () => {
  const asked = Promise.withResolvers<void>()
  const listed = Promise.withResolvers<ModelFacts[]>()
  const list = () => {
    asked.resolve()
    return listed.promise
  }
  const thinks: boolean[] = []
  const { queue } = await start(
    async function* (request) {
      thinks.push(request.thinks)
      yield { type: 'finish', truncated: false }
    },
    database.db,
    list,
  )
  const reply = await ask()
  queue.add(reply)
  await asked.promise
  const [name, inputTokens, outputTokens, contextTokens] = ['m', null, null, 1_000]
  listed.resolve([
    { id: name, name, description: '', inputTokens, outputTokens, contextTokens, thinking: true, temperature: null, maxTemperature: null },
  ])
  await ended(reply.id)
  expect(thinks).toEqual([true])
})
