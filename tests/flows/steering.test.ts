import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { type Conversation, isOpen, type Message, newId, type ReplyState } from '#contract'
import { calmly } from '../support/calmly.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { admit, enter, type Entered, introduce } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let emulator: Emulator
let postgres: Postgres
let server: TestServer
let owner: Entered
let bobsCookie: Entered
let stranger: Entered
let ada: TestClient
let bob: TestClient
/** Somebody who is in none of the rooms. */
let eve: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  postgres = await startPostgres()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url } })
  owner = await enter(server)
  bobsCookie = await introduce(postgres.url, owner, 'Bob')
  stranger = await introduce(postgres.url, owner, 'Eve')
}, 60_000)

// Each with sockets of its own: one may send so much at once.
beforeEach(async () => {
  ada = await connect(server, owner.cookie)
  bob = await connect(server, bobsCookie.cookie)
  eve = await connect(server, stranger.cookie)
})
afterEach(async () => {
  for (const client of [ada, bob, eve]) await client.close()
})

afterAll(async () => {
  expect(await server.stop()).toBe(0)
  await emulator.stop()
  await postgres.stop()
}, 30_000)

async function room(): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id })
  await admit(postgres.url, id, bobsCookie)
  await ada.join(id)
  await bob.join(id)
  return id
}

type Prompt = { readonly id: string; readonly replyId: string; readonly revision: number }

async function ask(by: TestClient, conversationId: string, text: string): Promise<Prompt> {
  const ids = { id: newId(), replyId: newId() }
  const { message } = await by.rpc.message.send({ ...ids, conversationId, text, kind: 'prompt' })
  return { ...ids, revision: message.revision }
}

/** A room whose model is busy with an answer that ends when it is told to. */
async function busyRoom() {
  const id = await room()
  const mark = newId()
  const running = await ask(ada, id, `[[hand]] ${mark}`)
  const answer = await emulator.next({ prompt: mark })
  const finish = async () => {
    await answer.write('done')
    await answer.finish()
    await ada.hearEnd(running.replyId)
  }
  return { id, running, finish }
}

async function rows(conversationId: string): Promise<Map<string, Message>> {
  const { messages } = await ada.rpc.conversation.pull({ id: conversationId, since: 1, limit: 200 })
  return new Map(messages.map((row) => [row.id, row]))
}

const roomRow = async (conversationId: string): Promise<Conversation> =>
  (await ada.rpc.conversation.pull({ id: conversationId, since: 1, limit: 1 })).conversation
async function replyOf(conversationId: string, id: string): Promise<ReplyState> {
  const row = (await rows(conversationId)).get(id)
  if (row?.kind !== 'reply') throw new Error('there is no such reply')
  return row.state
}
const asked = (mark: string) => emulator.requests.filter(({ prompt }) => prompt.includes(mark))
const refusal = (code: string, data: object) => ({ code, data })
const STARTED = refusal('CONFLICT', { reason: 'started' })

test('a prompt that waits is taken back with its reply: nothing of it is left, and the model never sees it', async () => {
  const { id, running, finish } = await busyRoom()
  const first = await ask(ada, id, '[[chunks=1]] the first secret')
  const second = await ask(bob, id, '[[chunks=1]] stays')
  const third = await ask(ada, id, '[[chunks=1]] the other secret')
  expect((await roomRow(id)).last).toEqual({ name: 'Ada', text: '[[chunks=1]] the other secret' })
  expect(await ada.rpc.message.withdraw({ id: third.id })).toMatchObject({ id: third.id, deleted: true, text: '' })
  expect(await roomRow(id)).toMatchObject({ headId: second.replyId, last: { name: 'Bob', text: '[[chunks=1]] stays' } })
  const tombstone = await ada.rpc.message.withdraw({ id: first.id })
  // Taking back what was taken back changes nothing.
  expect(await ada.rpc.message.withdraw({ id: first.id })).toEqual(tombstone)
  for (const gone of [first, third]) {
    await bob.hear((frame) => frame[0] === 'message' && frame[1].id === gone.id && frame[1].deleted)
    await bob.hear((frame) => frame[0] === 'message' && frame[1].id === gone.replyId && frame[1].deleted)
  }
  await finish()
  await bob.hearEnd(second.replyId)
  const { rawBody } = await emulator.waitForRequest(({ prompt }) => prompt.endsWith('stays'))
  expect(rawBody).not.toContain('secret')
  expect(asked('secret')).toEqual([])
  const all = await rows(id)
  expect([first.id, first.replyId, third.id, third.replyId].map((gone) => all.get(gone)?.deleted)).toEqual([true, true, true, true])
  expect(all.get(running.replyId)).toMatchObject({ state: 'complete' })
  // What comes next goes on from what is left.
  const next = await ask(ada, id, '[[chunks=1]] after all that')
  expect((await rows(id)).get(next.id)?.parentId).toBe(second.replyId)
  await expect(ada.rpc.reply.resume({ id: first.replyId, revision: tombstone.revision + 1 })).rejects.toMatchObject(
    refusal('NOT_FOUND', { what: 'reply' }),
  )
})

test('a room that was named after the prompt that is taken back is named after what is left', async () => {
  const { id, running, finish } = await busyRoom()
  await ada.rpc.conversation.update({ id, title: '' })
  const first = await ask(ada, id, 'A name that is a secret')
  expect((await roomRow(id)).title).toBe('A name that is a secret')
  await ada.rpc.message.withdraw({ id: first.id })
  expect(JSON.stringify(await roomRow(id))).not.toContain('secret')
  await finish()
  expect((await roomRow(id)).headId).toBe(running.replyId)
})

test('a version that waits is taken back, the room shows again what was said before it, and a prompt that is answered anew stays', async () => {
  const { id, running, finish } = await busyRoom()
  const waiting = await ask(ada, id, '[[chunks=1]] the first words')
  const otherwise = (of: string, text: string) => ({ id: newId(), of, text, replyId: newId() })
  const versions = [otherwise(waiting.id, 'other words, secret'), otherwise(running.id, 'another beginning, secret')] as const
  // Beside the newest prompt, and beside the first one of the room, under which all the others stand.
  for (const version of versions) {
    const made = await ada.rpc.message.edit(version)
    expect((await roomRow(id)).headId).toBe(version.replyId)
    expect(made.reply?.state).toBe('queued')
    await ada.rpc.message.withdraw({ id: version.id })
    expect(await roomRow(id)).toMatchObject({ headId: waiting.replyId, last: { text: '[[chunks=1]] the first words' } })
    // Sent again after a lost answer, it is not said anew.
    expect(await ada.rpc.message.edit(version)).toMatchObject({ message: { deleted: true, text: '' }, reply: { state: 'stopped' } })
  }
  await expect(ada.rpc.message.edit(otherwise(versions[0].id, 'of what is gone'))).rejects.toMatchObject(
    refusal('NOT_FOUND', { what: 'message' }),
  )
  const again = newId()
  await finish()
  await ada.hearEnd(waiting.replyId)
  const mark = newId()
  const other = await ask(bob, id, `[[hand]] ${mark}`)
  const answer = await emulator.next({ prompt: mark })
  await ada.rpc.message.regenerate({ replyId: again, of: waiting.replyId })
  await expect(ada.rpc.message.withdraw({ id: waiting.id })).rejects.toMatchObject(STARTED)
  await ada.rpc.reply.stop({ id: again, operation: newId() })
  expect(await replyOf(id, again)).toBe('stopped')
  await answer.finish()
  await ada.hearEnd(other.replyId)
  expect(asked('secret')).toEqual([])
})

test('only a waiting prompt of one’s own can be taken back', async () => {
  const { id, running, finish } = await busyRoom()
  const waiting = await ask(bob, id, '[[chunks=1]] of Bob')
  const note = newId()
  await ada.rpc.message.send({ id: note, conversationId: id, text: 'a note', kind: 'note', replyId: newId() })
  await expect(ada.rpc.message.withdraw({ id: running.id })).rejects.toMatchObject(STARTED)
  await expect(ada.rpc.message.withdraw({ id: waiting.id })).rejects.toMatchObject(refusal('FORBIDDEN', { reason: 'role' }))
  for (const missing of [note, running.replyId, newId()]) {
    await expect(ada.rpc.message.withdraw({ id: missing })).rejects.toMatchObject(refusal('NOT_FOUND', { what: 'message' }))
  }
  for (const other of [running, waiting]) {
    await expect(eve.rpc.message.withdraw({ id: other.id })).rejects.toMatchObject(refusal('NOT_FOUND', { what: 'message' }))
  }
  await finish()
  await bob.hearEnd(waiting.replyId)
  await expect(bob.rpc.message.withdraw({ id: waiting.id })).rejects.toMatchObject(STARTED)
})

test('whoever takes a prompt back while its turn comes either has it back, or it is asked: never both', async () => {
  const id = await room()
  let back = 0
  for (let round = 0; round < 40; round++) {
    const mark = newId()
    const first = await ask(ada, id, '[[chunks=1]]')
    const second = await ask(ada, id, `[[chunks=1]] ${mark}`)
    // From before the end of the first answer to after it: as many calls as take that long.
    for (let call = 0; call < round % 20; call++) await calmly(() => bob.rpc.session.me({}))
    const taken = await ada.rpc.message.withdraw({ id: second.id }).then(
      () => true,
      (error: unknown) => {
        expect(error).toMatchObject(STARTED)
        return false
      },
    )
    await ada.hearEnd(first.replyId)
    const { row } = await ada.hearEnd(second.replyId)
    expect([row.deleted, row.state, asked(mark).length]).toEqual(taken ? [true, 'stopped', 0] : [false, 'complete', 1])
    if (taken) back++
  }
  console.log(`taken back in ${back} of 40 rounds`)
}, 60_000)

test('one’s own waiting prompts change places, what others have asked stays where it is, and a repeated call changes nothing', async () => {
  const { id, finish } = await busyRoom()
  const marks = [newId(), newId(), newId(), newId()] as const
  const one = await ask(ada, id, `[[chunks=1]] one ${marks[0]}`)
  const ofBob = await ask(bob, id, `[[chunks=1]] Bob ${marks[1]}`)
  const two = await ask(ada, id, `[[chunks=1]] two ${marks[2]}`)
  const three = await ask(ada, id, `[[chunks=1]] three ${marks[3]}`)
  const input = { conversationId: id, ids: [three.id, one.id, two.id], revision: three.revision }
  await ada.rpc.message.reorder(input)
  const changed = await rows(id)
  await ada.rpc.message.reorder(input)
  expect(await rows(id)).toEqual(changed)
  const text = (prompt: Prompt) => changed.get(prompt.id)?.text.split(' ')[1]
  expect([one, ofBob, two, three].map(text)).toEqual(['three', 'Bob', 'one', 'two'])
  const revisions = [one, two, three].map((prompt) => changed.get(prompt.id)?.revision)
  expect(new Set(revisions).size).toBe(3)
  await bob.hear((frame) => frame[0] === 'message' && frame[1].id === one.id && frame[1].text.includes('three'))
  expect((await roomRow(id)).last?.text).toContain('two')
  await finish()
  await ada.hearEnd(three.replyId)
  const order = emulator.requests.flatMap(({ prompt }) => marks.findIndex((mark) => prompt.includes(mark)))
  expect(order.filter((index) => index >= 0)).toEqual([3, 1, 0, 2])
  // Now that they are answered it is too late; the call of before is still only a repetition.
  await ada.rpc.message.reorder(input)
  const revision = Math.max(...revisions.map((value) => value ?? 0))
  await expect(ada.rpc.message.reorder({ ...input, revision })).rejects.toMatchObject(STARTED)
})

test('an order is given to one’s own prompts of one room only', async () => {
  const { id, running, finish } = await busyRoom()
  const other = await busyRoom()
  const mine = await ask(ada, id, '[[chunks=1]] mine')
  const ofBob = await ask(bob, id, '[[chunks=1]] of Bob')
  const elsewhere = await ask(ada, other.id, '[[chunks=1]] elsewhere')
  const order = (by: TestClient, ids: string[]) => by.rpc.message.reorder({ conversationId: id, ids, revision: 1 })
  await expect(order(ada, [ofBob.id, mine.id])).rejects.toMatchObject(refusal('FORBIDDEN', { reason: 'role' }))
  await expect(order(ada, [elsewhere.id, mine.id])).rejects.toMatchObject(refusal('NOT_FOUND', { what: 'message' }))
  await expect(order(ada, [mine.replyId, mine.id])).rejects.toMatchObject(refusal('NOT_FOUND', { what: 'message' }))
  await expect(order(eve, [mine.id, ofBob.id])).rejects.toMatchObject(refusal('NOT_FOUND', { what: 'message' }))
  await expect(order(ada, [mine.id, mine.id])).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  const { revision } = mine
  await expect(ada.rpc.message.reorder({ conversationId: id, ids: [mine.id, running.id], revision })).rejects.toMatchObject(STARTED)
  await finish()
  await other.finish()
  await bob.hearEnd(ofBob.replyId)
})

test('anybody may stop what runs and ask something else instead', async () => {
  const { id, running } = await busyRoom()
  const stopped = await bob.rpc.reply.stop({ id: running.replyId })
  expect(stopped).toMatchObject({ state: 'stopped', askedBy: { name: 'Ada' }, stoppedBy: { name: 'Bob' } })
  const instead = await ask(bob, id, '[[chunks=1]] this instead')
  expect((await ada.hearEnd(instead.replyId)).row).toMatchObject({ state: 'complete', askedBy: { name: 'Bob' } })
})

test('names reach the model once there are several speakers, and notes never do', async () => {
  const id = await room()
  const alone = await ask(ada, id, '[[chunks=1]] only one of us')
  await ada.hearEnd(alone.replyId)
  for (const [by, text] of [
    [ada, 'between people one'],
    [bob, 'between people two @gemini'],
  ] as const) {
    await by.rpc.message.send({ id: newId(), conversationId: id, text, kind: 'note', replyId: newId() })
  }
  const both = await ask(bob, id, '[[chunks=1]] now two of us')
  await ada.hearEnd(both.replyId)
  const first = await emulator.waitForRequest(({ prompt }) => prompt.includes('only one of us'))
  expect(first.rawBody).not.toContain('Ada')
  const second = await emulator.waitForRequest(({ prompt }) => prompt.includes('now two of us'))
  expect(second.rawBody).toContain('Ada: [[chunks=1]] only one of us')
  expect(second.rawBody).toContain('Bob: [[chunks=1]] now two of us')
  await ada.rpc.conversation.update({ id, answer: 'mention' })
  const silent = await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'for Bob', kind: 'prompt', replyId: newId() })
  expect(silent.reply).toBeNull()
  const called = await ask(ada, id, '[[chunks=1]] @gemini and you?')
  await ada.hearEnd(called.replyId)
  expect(emulator.requests.filter(({ rawBody }) => rawBody.includes('between people'))).toEqual([])
  await eventually(async () => (await rows(id)).size === 9)
})

test('a rename that is repeated after its answer was lost does not undo another one', async () => {
  const id = await room()
  const rename = { id, operation: newId(), title: 'of Ada' }
  expect(await ada.rpc.conversation.update(rename)).toMatchObject({ title: 'of Ada' })
  const named = await bob.rpc.conversation.update({ id, operation: newId(), title: 'of Bob' })
  expect(await ada.rpc.conversation.update(rename)).toEqual(named)
  expect(await roomRow(id)).toEqual(named)
  expect(named.title).toBe('of Bob')
})

test('a stop that is repeated after its answer was lost does not end what somebody has resumed', async () => {
  const { id, running } = await busyRoom()
  const stop = { id: running.replyId, operation: newId() }
  const { revision } = await ada.rpc.reply.stop(stop)
  // One that found it ended has been carried out, too.
  const late = { id: running.replyId, operation: newId() }
  expect(await ada.rpc.reply.stop(late)).toMatchObject({ state: 'stopped', revision })
  await bob.rpc.reply.resume({ id: running.replyId, revision })
  const answer = await emulator.next()
  for (const again of [stop, late]) expect(['queued', 'streaming']).toContain((await ada.rpc.reply.stop(again)).state)
  // Without being in the room the same holds.
  await ada.rpc.conversation.leave({ id })
  expect(['queued', 'streaming']).toContain((await ada.rpc.reply.stop(stop)).state)
  await answer.write('goes on')
  await answer.finish()
  await eventually(async () => !isOpen(await replyOf(id, running.replyId)))
  expect(await replyOf(id, running.replyId)).toBe('complete')
})

test('nor does it while the database is too slow to say that it was carried out', async () => {
  const { id, running } = await busyRoom()
  const stop = { id: running.replyId, operation: newId() }
  const { revision } = await ada.rpc.reply.stop(stop)
  const late = { id: running.replyId, operation: newId() }
  await ada.rpc.reply.stop(late)
  await bob.rpc.reply.resume({ id: running.replyId, revision })
  const answer = await emulator.next()
  await using sql = new SQL(postgres.url, { max: 1 })
  await sql.begin(async (tx) => {
    await tx`lock table operation in access exclusive mode`
    for (const again of [stop, late]) expect(['queued', 'streaming']).toContain((await ada.rpc.reply.stop(again)).state)
  })
  await answer.finish()
  await eventually(async () => !isOpen(await replyOf(id, running.replyId)))
  expect(await replyOf(id, running.replyId)).toBe('complete')
})
