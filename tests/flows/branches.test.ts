import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Conversation, type Message, newId } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { connect, readShare, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { admit, enter, type Entered, introduce, shareRoom } from '../support/people.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'

let emulator: Emulator
let postgres: Postgres
let server: TestServer
let bobsCookie: Entered
let ada: TestClient
let bob: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  postgres = await startPostgres()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url } })
  const owner = await enter(server)
  bobsCookie = await introduce(postgres.url, owner, 'Bob')
  ada = await connect(server, owner.cookie)
  bob = await connect(server, bobsCookie.cookie)
}, 60_000)

afterAll(async () => {
  for (const client of [ada, bob]) await client.close()
  expect(await server.stop()).toBe(0)
  await emulator.stop()
  await postgres.stop()
}, 30_000)

type Prompt = { readonly id: string; readonly replyId: string }

async function room(): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id, instructions: 'Be brief.', temperature: 0.5, thinking: 'low' })
  await admit(postgres.url, id, bobsCookie)
  await ada.join(id)
  await bob.join(id)
  return id
}

async function ask(by: TestClient, conversationId: string, text: string): Promise<Prompt> {
  const ids = { id: newId(), replyId: newId() }
  await by.rpc.message.send({ ...ids, conversationId, text: `[[chunks=1]] ${text}`, kind: 'prompt' })
  await ada.hearEnd(ids.replyId)
  return ids
}

async function rows(id: string, by = ada): Promise<{ conversation: Conversation; messages: Map<string, Message> }> {
  const { conversation, messages } = await by.rpc.conversation.pull({ id, since: 1, limit: 200 })
  return { conversation, messages: new Map(messages.map((row) => [row.id, row])) }
}

/** The path that the room shows, oldest first. */
async function shownIn(id: string, by = ada): Promise<string[]> {
  const { conversation, messages } = await rows(id, by)
  const path: string[] = []
  for (let row = messages.get(conversation.headId ?? ''); row; row = messages.get(row.parentId ?? '')) path.unshift(row.id)
  return path
}

const refusal = (code: string, data: object) => ({ code, data })

test('a prompt that is said otherwise stands beside the first one, and the model hears what stands on its own path', async () => {
  const id = await room()
  const first = await ask(ada, id, 'apples')
  const second = await ask(bob, id, 'and pears')
  const before = await rows(id)
  const edit = { id: newId(), of: first.id, text: '[[chunks=1]] plums', replyId: newId() }
  const made = await ada.rpc.message.edit(edit)
  expect(made.message).toMatchObject({ id: edit.id, parentId: null, kind: 'prompt', author: { name: 'Ada' } })
  await bob.hear((frame) => frame[0] === 'conversation' && frame[1].id === id && frame[1].headId === edit.replyId)
  await bob.hearEnd(edit.replyId)
  const heard = await emulator.waitForRequest(({ prompt }) => prompt.includes('plums'))
  for (const unheard of ['apples', 'pears']) expect(heard.rawBody).not.toContain(unheard)
  const after = await rows(id)
  for (const [messageId, row] of before.messages) expect(after.messages.get(messageId)).toEqual(row)
  expect(await shownIn(id, bob)).toEqual([edit.id, edit.replyId])
  expect(after.conversation).toMatchObject({ count: 6 })
  // Sent again after a lost answer, nothing more is made.
  expect((await ada.rpc.message.edit(edit)).message).toEqual(made.message)
  expect((await rows(id)).messages.size).toBe(6)
  // What comes next goes on from here.
  const next = await ask(bob, id, 'more')
  expect(await shownIn(id)).toEqual([edit.id, edit.replyId, next.id, next.replyId])
  // Whose words they are is nobody else's to change; a reply has no author.
  await expect(ada.rpc.message.edit({ ...edit, id: newId(), replyId: newId(), of: second.id })).rejects.toMatchObject(
    refusal('FORBIDDEN', { reason: 'role' }),
  )
  await expect(ada.rpc.message.edit({ ...edit, id: newId(), replyId: newId(), of: first.replyId })).rejects.toMatchObject(
    refusal('NOT_FOUND', { what: 'message' }),
  )
  await expect(bob.rpc.message.edit({ ...edit, of: second.id })).rejects.toMatchObject(refusal('CONFLICT', { reason: 'id_taken' }))
})

test('an answer is given anew, by another model when one is named, and chosen among its versions by anybody', async () => {
  const id = await room()
  const asked = await ask(ada, id, 'a riddle')
  const later = await ask(bob, id, 'a hint')
  const again = { replyId: newId(), of: asked.replyId, model: 'gemini-3.5-flash-lite' }
  const made = await bob.rpc.message.regenerate(again)
  expect(made).toMatchObject({ parentId: asked.id, askedBy: { name: 'Bob' }, text: '' })
  await ada.hearEnd(again.replyId)
  const requests = emulator.requests.filter(({ prompt }) => prompt.includes('a riddle') && !prompt.includes('a hint'))
  expect(requests.map(({ model }) => model === 'gemini-3.5-flash-lite')).toEqual([false, true])
  expect((await bob.rpc.message.regenerate(again)).id).toBe(again.replyId)
  expect(await shownIn(id)).toEqual([asked.id, again.replyId])
  // The version comes with what was said after it.
  const select = { id: asked.replyId, operation: newId() }
  const chosen = await bob.rpc.message.select(select)
  expect(chosen.headId).toBe(later.replyId)
  await ada.hear((frame) => frame[0] === 'conversation' && frame[1].id === id && frame[1].revision === chosen.revision)
  expect(await shownIn(id)).toEqual([asked.id, asked.replyId, later.id, later.replyId])
  await ada.rpc.message.select({ id: again.replyId })
  // The same call once more, after somebody else has chosen: it was carried out.
  expect((await bob.rpc.message.select(select)).headId).toBe(again.replyId)
  await expect(ada.rpc.message.regenerate({ replyId: newId(), of: asked.id })).rejects.toMatchObject(
    refusal('NOT_FOUND', { what: 'reply' }),
  )
})

test('a reply that ends on another path leaves the room where it was', async () => {
  const id = await room()
  const first = await ask(ada, id, 'the first')
  const mark = newId()
  const running = { id: newId(), replyId: newId() }
  await bob.rpc.message.send({ ...running, conversationId: id, text: `[[hand]] ${mark}`, kind: 'prompt' })
  const answer = await emulator.next({ prompt: mark })
  const edit = { id: newId(), of: first.id, text: '[[chunks=1]] the other first', replyId: newId() }
  await ada.rpc.message.edit(edit)
  const { headId } = (await rows(id)).conversation
  expect(headId).toBe(edit.replyId)
  await answer.write('done')
  await answer.finish()
  await ada.hearEnd(running.replyId)
  await ada.hearEnd(edit.replyId)
  await eventually(async () => (await rows(id)).conversation.runningId === null)
  expect((await rows(id)).conversation.headId).toBe(edit.replyId)
  expect((await bob.rpc.message.select({ id: running.id })).headId).toBe(running.replyId)
})

test('a room goes on elsewhere from any message: a copy of its path, and nothing of the others', async () => {
  const id = await room()
  const first = await ask(ada, id, 'the way here')
  await bob.rpc.message.send({ id: newId(), conversationId: id, text: 'between us', kind: 'note', replyId: newId() })
  const unwanted = await ask(bob, id, 'unwanted')
  const copy = { id: newId(), of: first.replyId }
  await ada.rpc.conversation.update({ id, title: 'The way' })
  const used = await ada.rpc.usage.report({ days: 1 })
  const made = await bob.rpc.conversation.fork(copy)
  expect(made).toMatchObject({
    id: copy.id,
    title: 'Fork of The way',
    count: 2,
    instructions: 'Be brief.',
    temperature: 0.5,
    thinking: 'low',
  })
  expect(await bob.rpc.conversation.fork(copy)).toEqual(made)
  const copied = [...(await rows(copy.id, bob)).messages.values()]
  expect(copied.map(({ kind, text }) => [kind, text.includes('the way here')])).toEqual([
    ['prompt', true],
    ['reply', expect.any(Boolean)],
  ])
  expect(copied[0]).toMatchObject({ author: { name: 'Ada' }, parentId: null })
  expect(copied.at(-1)?.id).toBe(made.headId ?? '')
  // What was spent was spent where it was asked: neither the server's sums nor those of the replies of both rooms count it twice.
  expect(await ada.rpc.usage.report({ days: 1 })).toEqual(used)
  expect((await rows(id)).messages.get(first.replyId)).toMatchObject({ usage: { output: expect.any(Number) } })
  expect(copied.at(-1)).toMatchObject({ kind: 'reply', state: 'complete', usage: null })
  // It is nobody else's, and what is said there is heard only there.
  await expect(ada.rpc.conversation.join({ id: copy.id, since: 0, limit: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await bob.join(copy.id)
  const next = { id: newId(), replyId: newId() }
  await bob.rpc.message.send({ ...next, conversationId: copy.id, text: '[[chunks=1]] from here', kind: 'prompt' })
  await bob.hearEnd(next.replyId)
  const { rawBody } = await emulator.waitForRequest(({ prompt }) => prompt.includes('from here'))
  expect(rawBody).toContain('the way here')
  for (const unheard of ['between us', 'unwanted']) expect(rawBody).not.toContain(unheard)
  expect(await shownIn(id)).toEqual([first.id, first.replyId, unwanted.id, unwanted.replyId])
})

test('a reply that is being written goes on elsewhere as far as it is, and what it cost stays where it was asked', async () => {
  const id = await room()
  const running = { id: newId(), replyId: newId() }
  await bob.rpc.message.send({ ...running, conversationId: id, text: `[[hand]] ${running.id}`, kind: 'prompt' })
  const answer = await emulator.next({ prompt: running.id })
  await answer.thought('Let me see. ')
  await answer.write('Half of ')
  await eventually(async () => (await bob.rpc.conversation.join({ id, since: 0, limit: 9 })).live[0]?.text === 'Half of ')
  const before = await ada.rpc.usage.report({ days: 1 })
  const made = await bob.rpc.conversation.fork({ id: newId(), of: running.replyId })
  expect(made.last?.text).toBe('Half of')
  const copied = [...(await rows(made.id, bob)).messages.values()].at(-1)
  expect(copied).toMatchObject({
    text: 'Half of ',
    state: 'interrupted',
    failure: { code: 'restarted' },
    thoughts: { text: 'Let me see. ' },
  })
  expect(await ada.rpc.usage.report({ days: 1 })).toEqual(before)
  // Whoever has only read it has not seen what the model thought, and has it in no copy either.
  const { token } = await shareRoom(ada, id)
  const ownId = newId()
  const headers = { origin: new URL(server.url).origin, cookie: bobsCookie.cookie }
  const body = new URLSearchParams({ id: ownId })
  await fetch(new URL(`/s/${token}/copy`, server.url), { method: 'POST', headers, body, redirect: 'manual' })
  expect([...(await rows(ownId, bob)).messages.values()].at(-1)).toMatchObject({ text: 'Half of ', state: 'interrupted', thoughts: null })
  await answer.write('it')
  await answer.finish()
  expect((await ada.hearEnd(running.replyId)).text).toBe('Half of it')
})

test('what the model thought reaches no reader of a share: on no page, by no frame, in no copy and in no copy of a copy', async () => {
  const id = await room()
  const { token } = await shareRoom(ada, id)
  const secret = `thought-${newId()}`
  const think = async (text: string, heard: () => boolean) => {
    const ids = { id: newId(), replyId: newId() }
    await ada.rpc.message.send({ ...ids, conversationId: id, text: `[[hand]] ${ids.id}`, kind: 'prompt' })
    const answer = await emulator.next({ prompt: ids.id })
    await answer.thought(secret)
    await answer.write(text)
    await eventually(async () => heard())
    return { ...ids, answer }
  }
  const end = async ({ replyId, answer }: Awaited<ReturnType<typeof think>>) => {
    await answer.finish()
    expect((await ada.hearEnd(replyId)).row.thoughts?.text).toBe(secret)
  }
  const get = async (path = '') => (await fetch(new URL(`/s/${token}${path}`, server.url))).text()
  const first = await readShare(server, token)
  const one = await think('the first answer', () => first.frames.join('').includes('the first answer'))
  // Somebody comes while it is written: the page that they catch up by has the live text.
  const second = await readShare(server, token)
  await eventually(async () => second.frames.join('').includes('the first answer'))
  const halfway = await get()
  await end(one)
  const two = await think('the second answer', () => second.frames.join('').includes('the second answer'))
  await end(two)
  await eventually(async () =>
    [first, second].every(({ frames }) => frames.some((frame) => frame.includes('"complete"') && frame.includes(two.replyId))),
  )
  const pages = [halfway, await get(), await get(`?to=${one.replyId}`), ...first.frames, ...second.frames]
  for (const { close } of [first, second]) close()
  expect(pages[2]).toContain('the first answer')
  expect(pages[2]).not.toContain('the second answer')

  const [copyId, again] = [newId(), newId()]
  const headers = { origin: new URL(server.url).origin, cookie: bobsCookie.cookie }
  await fetch(new URL(`/s/${token}/copy`, server.url), {
    method: 'POST',
    headers,
    body: new URLSearchParams({ id: copyId }),
    redirect: 'manual',
  })
  const { headId } = (await rows(copyId, bob)).conversation
  await bob.rpc.conversation.fork({ id: again, of: headId ?? '' })
  for (const made of [copyId, again]) {
    const answers = [
      await bob.rpc.conversation.join({ id: made, since: 0, limit: 9 }),
      await bob.rpc.conversation.pull({ id: made, since: 1, limit: 9 }),
      await bob.rpc.conversation.history({ id: made, before: 99, limit: 9 }),
    ]
    for (const { messages } of answers) expect(messages.filter(({ text }) => text.endsWith('answer'))).toHaveLength(2)
    pages.push(JSON.stringify(answers))
  }
  for (const page of pages) expect(page).not.toContain(secret)
})

test('whoever reads a share is shown the version that the room shows', async () => {
  const id = await room()
  const first = await ask(ada, id, 'shared as it was')
  const share = { id: newId(), token: newToken() }
  await ada.rpc.link.share({ ...share, conversationId: id, label: '', lastsMs: null })
  const edit = { id: newId(), of: first.id, text: '[[chunks=1]] shared otherwise', replyId: newId() }
  await ada.rpc.message.edit(edit)
  await ada.hearEnd(edit.replyId)
  const page = async () => (await fetch(new URL(`/s/${share.token}`, server.url))).text()
  const otherwise = await page()
  expect([otherwise.includes(edit.id), otherwise.includes(first.id)]).toEqual([true, false])
  const { frames: heard, close } = await readShare(server, share.token)
  await ada.rpc.message.select({ id: first.id })
  await eventually(async () => heard.includes(JSON.stringify(['head', first.replyId])))
  close()
  expect(await page()).toContain(first.id)
})
