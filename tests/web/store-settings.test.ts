import { expect, test } from 'bun:test'
import { newId } from '#contract'
import { apply } from '../../web/store/apply.ts'
import { newConversation, sendPrompt } from '../../web/store/commands.ts'
import { saveDraft } from '../../web/store/drafts.ts'
import { clearDevice, holdings } from '../../web/store/holdings.ts'
import { conversation, conversations, draft, messages, unsent } from '../../web/store/queries.ts'
import { openStore } from '../../web/store/store.ts'
import { ModelRoom } from '../support/model-room.ts'

const ada = { id: newId(), name: 'Ada', kind: 'owner' as const }
const me = { person: ada, version: '0', model: 'model', demo: false }

test('a room that is made without a network begins with the defaults of its person, here and in the call that waits', async () => {
  const { db } = openStore(newId())
  const plain = await newConversation()
  expect((await unsent())[0]?.call.input).toEqual({ id: plain })
  const defaults = { model: 'gemini-next', instructions: 'Be brief.' }
  await apply(
    db,
    [
      { kind: 'me', me: { ...me, defaults: { model: null, instructions: '' } } },
      { kind: 'defaults', defaults },
    ],
    new Map(),
  )
  const made = await newConversation()
  expect(made).not.toBe(plain)
  expect(await conversation(made)).toMatchObject(defaults)
  expect((await unsent())[1]?.call.input).toEqual({ id: made, ...defaults })
  expect(await newConversation()).toBe(made)
})

test('a device that is cleared keeps what only it has, and nothing else', async () => {
  const { db } = openStore(newId())
  await apply(db, [{ kind: 'me', me }], new Map())
  const known = new ModelRoom()
  known.send(ada, 'From the server', 'note')
  const { revision } = known.row
  const answer = { conversation: known.row, messages: known.rows, revision, more: false }
  await apply(db, [{ kind: 'page', since: 0, answer }], new Map())
  const made = await newConversation()
  await sendPrompt(made, 'Not sent yet')
  await sendPrompt(known.row.id, 'Nor this')
  await saveDraft(made, 'Being written')
  expect(await holdings()).toMatchObject({ messages: 3, rooms: 2, unsent: 3, drafts: 1 })
  const before = await unsent()
  await clearDevice()
  expect(await holdings()).toMatchObject({ messages: 2, rooms: 1, unsent: 3, drafts: 1 })
  expect(await unsent()).toEqual(before)
  expect(await draft(made)).toBe('Being written')
  expect((await conversations()).map(({ id }) => id)).toEqual([made])
  expect((await messages(made, 5)).messages.map(({ text }) => text)).toEqual(['Not sent yet'])
  expect((await messages(known.row.id, 5)).messages.map(({ text }) => text)).toEqual(['Nor this'])
})
