import { afterAll, beforeAll, expect, test } from 'bun:test'
import { LIMITS, newId, type Reply } from '#contract'
import { newToken } from '../../server/access/tokens.ts'
import { calmly } from '../support/calmly.ts'
import { connect, readShare, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { comeIn, enter, inviteTo } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

let emulator: Emulator
let server: TestServer
let ada: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  ada = await connect(server, (await enter(server)).cookie)
  // What a model can do is asked for beside everything else; from here on it is known.
  await ada.rpc.model.list({})
}, 60_000)

afterAll(async () => {
  await server?.stop()
  await emulator?.stop()
}, 30_000)

type Settings = Omit<Parameters<TestClient['rpc']['conversation']['create']>[0], 'id'>

async function room(settings: Settings): Promise<string> {
  const id = newId()
  await ada.rpc.conversation.create({ id, ...settings })
  await ada.join(id)
  return id
}

async function ask(conversationId: string, text: string): Promise<Reply> {
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId })
  return (await ada.hearEnd(replyId)).row
}

/** What the provider was asked with for a prompt. */
async function asked(text: string): Promise<Record<string, unknown>> {
  const request = await emulator.waitForRequest(({ prompt }) => prompt.includes(text))
  return JSON.parse(JSON.stringify(request.body))
}

test('the list has the models that answer, with what they can do, and says which one is the usual', async () => {
  const { models, standard, stale } = await ada.rpc.model.list({})
  expect({ standard, stale }).toEqual({ standard: 'gemini-flash-latest', stale: false })
  expect(models.map(({ id }) => id)).toContain('gemini-3.5-flash')
  expect(models.some(({ id }) => id.includes('embedding'))).toBe(false)
  expect(models[0]).toMatchObject({
    name: 'Gemini Flash Latest',
    inputTokens: 1_048_576,
    outputTokens: 65_536,
    contextTokens: 150_000,
    thinking: true,
    maxTemperature: 2,
  })
})

test('a room is answered by its model, with its instructions, warmth and thinking', async () => {
  const id = await room({ model: 'gemini-3.5-flash-lite', instructions: 'Rhyme.', temperature: 0.25, thinking: 'high' })
  const row = await ask(id, 'Warmth [[thoughts]]')
  expect(row.model).toBe('gemini-3.5-flash-lite')
  expect(await asked('Warmth')).toMatchObject({
    systemInstruction: { parts: [{ text: 'Rhyme.' }] },
    generationConfig: { temperature: 0.25, thinkingConfig: { includeThoughts: true, thinkingLevel: 'HIGH' } },
  })
  expect(row.thoughts?.text).toContain('Reading the question')
  expect(row.text).not.toContain('Reading the question')
})

test('settings are given back by null, and an answer then has the model’s own', async () => {
  const id = await room({ temperature: 1.5, thinking: 'low' })
  await ada.rpc.conversation.update({ id, temperature: null, thinking: null, model: null })
  await ask(id, 'Plain again')
  expect(await asked('Plain again')).toMatchObject({ generationConfig: { thinkingConfig: { includeThoughts: true } } })
  expect(JSON.stringify(await asked('Plain again'))).not.toMatch(/temperature|thinkingLevel/)
})

test('thoughts are heard while the model thinks, also by who comes in the middle, but not by readers of a share', async () => {
  const id = await room({})
  const token = newToken()
  await ada.rpc.link.share({ id: newId(), token, conversationId: id, label: '', lastsMs: null })
  const reader = await readShare(server, token)
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'Slowly [[hand]]', kind: 'prompt', replyId })
  const answer = await emulator.next({ prompt: 'Slowly' })
  await answer.thought('**One**')
  await answer.thought('**Two**')
  const heard = await ada.hear((frame) => frame[0] === 'thought' && frame[1] === replyId && frame[2] > 0)
  expect(heard).toEqual(['thought', replyId, '**One**'.length, '\n\n**Two**'])
  const other = await connect(server, (await enter(server)).cookie)
  expect((await other.join(id)).live).toEqual([{ id: replyId, text: '', thoughts: '**One**\n\n**Two**' }])
  await answer.write('Done')
  await answer.finish()
  expect((await other.hearEnd(replyId)).row.thoughts?.text).toBe('**One**\n\n**Two**')
  await eventually(() => reader.frames.some((frame) => frame.includes('"complete"')))
  const late = await readShare(server, token)
  for (const { frames, close } of [reader, late]) {
    expect(frames.filter((frame) => frame.includes('Done'))).not.toEqual([])
    expect(frames.filter((frame) => frame.includes('**One**'))).toEqual([])
    close()
  }
  await other.close()
})

test('thoughts that were heard survive a stop with the text', async () => {
  const id = await room({})
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'Half [[hand]]', kind: 'prompt', replyId })
  const answer = await emulator.next({ prompt: 'Half' })
  await answer.thought('**Weighing**')
  await answer.write('A beginning')
  await ada.hear((frame) => frame[0] === 'delta' && frame[1] === replyId)
  await ada.rpc.reply.stop({ id: replyId })
  expect((await ada.hearEnd(replyId)).row).toMatchObject({ state: 'stopped', text: 'A beginning', thoughts: { text: '**Weighing**' } })
})

test('what was left out of a long talk is said at the reply', async () => {
  const id = await room({})
  const page = 'x'.repeat(LIMITS.messageLength - 30) + ' [[chunks=1 every=0]]'
  for (let count = 0; count < 13; count++)
    await calmly(() => ada.rpc.message.send({ id: newId(), conversationId: id, text: page, kind: 'prompt', replyId: newId() }))
  const row = await ask(id, '[[echo]] And now?')
  // Nine prompts fit, and the answers to them.
  expect(row.omitted).toBe(8)
}, 30_000)

test('saved instructions and prompts are one’s own: made, changed, and taken away', async () => {
  const preset = { id: newId(), name: 'Short', text: 'Be brief.' }
  await ada.rpc.preset.save(preset)
  await ada.rpc.preset.save({ ...preset, text: 'Be very brief.' })
  expect((await ada.rpc.preset.list({})).presets).toEqual([{ ...preset, kind: 'instructions', text: 'Be very brief.' }])
  const id = await room({})
  const guest = await comeIn(server, (await inviteTo(ada, id, { role: 'viewer' })).token, 'Gus')
  const gus = await connect(server, guest.cookie)
  expect((await gus.rpc.preset.list({})).presets).toEqual([])
  await gus.rpc.preset.remove({ id: preset.id })
  await expect(gus.rpc.preset.save({ ...preset, text: 'Mine' })).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(gus.rpc.conversation.update({ id, thinking: 'low' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
  expect((await ada.rpc.preset.list({})).presets).toHaveLength(1)
  const prompt = { id: newId(), kind: 'prompt' as const, name: 'Reply', text: 'Answer {{whom}}.' }
  await ada.rpc.preset.save(prompt)
  // What it is, it stays.
  expect(await ada.rpc.preset.save({ ...prompt, kind: 'instructions', name: 'Answer' })).toEqual({ ...prompt, name: 'Answer' })
  expect((await ada.rpc.preset.list({})).presets.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'instructions Short',
    'prompt Answer',
  ])
  for (const { id: saved } of [preset, prompt]) await ada.rpc.preset.remove({ id: saved })
  expect((await ada.rpc.preset.list({})).presets).toEqual([])
  await gus.close()
})

test('as many saved texts as one may have, as long as they may be, come in pages that a socket takes', async () => {
  const text = '\u0001'.repeat(LIMITS.instructionsLength)
  const saved: string[] = []
  for (let count = 0; count < LIMITS.presets; count++) {
    const id = newId()
    await calmly(() => ada.rpc.preset.save({ id, name: `Long ${count}`, text }))
    saved.push(id)
  }
  const listed: string[] = []
  let pages = 0
  for (let more = true; more; pages++) {
    const page: { presets: { id: string }[]; more: boolean } = await ada.rpc.preset.list(pages === 0 ? {} : { after: listed.at(-1) ?? '' })
    listed.push(...page.presets.map(({ id }) => id))
    more = page.more
  }
  expect(listed).toEqual(saved.toSorted())
  expect(pages).toBeGreaterThan(1)
  await expect(ada.rpc.preset.save({ id: newId(), name: 'One more', text: 'x' })).rejects.toMatchObject({ code: 'BUSY' })
  for (const id of saved) await calmly(() => ada.rpc.preset.remove({ id }))
})

test('thoughts that were seen before the server was killed are kept, and its reply goes on from there', async () => {
  const id = await room({})
  const replyId = newId()
  await ada.rpc.message.send({ id: newId(), conversationId: id, text: 'Killed [[hand]]', kind: 'prompt', replyId })
  const answer = await emulator.next({ prompt: 'Killed' })
  await answer.thought('**Seen**')
  await ada.hear((frame) => frame[0] === 'thought' && frame[1] === replyId)
  await server.kill()
  await server.restart()
  ada = await connect(server, (await enter(server)).cookie)
  const joined = await ada.join(id)
  expect(joined.live).toEqual([])
  const row = joined.messages.find((message) => message.id === replyId)
  expect(row).toMatchObject({ state: 'interrupted', text: '', thoughts: { text: '**Seen**' } })
  await ada.rpc.reply.resume({ id: replyId, revision: row?.revision ?? 0 })
  const again = await emulator.next({ prompt: 'Killed' })
  await again.thought('**Anew**')
  await ada.hear((frame) => frame[0] === 'thought' && frame[1] === replyId && frame[2] === 0 && frame[3] === '**Seen**\n\n**Anew**')
  await again.write('Done')
  await again.finish()
  expect((await ada.hearEnd(replyId)).row).toMatchObject({ state: 'complete', text: 'Done', thoughts: { text: '**Seen**\n\n**Anew**' } })
}, 30_000)
