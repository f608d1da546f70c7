import { afterEach, expect, test } from 'bun:test'
import { Dexie } from 'dexie'
import { newId } from '#contract'
import { newConversation, renameConversation, sendPrompt } from '../../web/store/commands.ts'
import { saveDraft } from '../../web/store/drafts.ts'
import { conversations, draft, messages, unsent } from '../../web/store/queries.ts'
import { openStore } from '../../web/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { ModelServer } from '../support/model-server.ts'
import { openTab, type Tab } from '../support/tab.ts'

const tabs: Tab[] = []
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.stop()
})

/** The store of a client from before: another version, other indexes, a table that is gone, and rows without what rows have now. */
async function ofBefore(personId: string): Promise<Dexie> {
  const db = new Dexie(`confab-${personId}`)
  db.version(1).stores({
    conversations: 'id, createdAt',
    messages: 'id, conversationId',
    rooms: 'id',
    outbox: '++seq, conversationId, state',
    drafts: 'conversationId',
    facts: 'key',
    texts: 'replyId',
  })
  await db.open()
  return db
}

const waiting = { state: 'waiting', failure: null, createdAt: 5 }

test('a store of an older form is rebuilt from the server, and what was not sent is sent once and in order', async () => {
  const server = new ModelServer()
  const { id: known } = server.open().row
  server.room(known).send(server.person, 'said before', 'note')
  const [made, replyIds] = [newId(), [newId(), newId(), newId()]]
  const sends = ['one', 'two', 'three'].map((text, index) => ({
    id: newId(),
    conversationId: index < 2 ? made : known,
    text,
    kind: 'prompt',
    replyId: replyIds[index],
  }))
  const old = await ofBefore(server.person.id)
  await old.table('facts').bulkPut([
    { key: 'me', value: { person: server.person, version: '0', model: 'model', demo: false } },
    { key: 'list', value: '1' },
  ])
  await old.table('conversations').bulkPut([
    { id: known, revision: 2, title: 'From the server', origin: 'server', createdAt: 1 },
    { id: made, revision: 0, title: '', origin: 'local', createdAt: 2 },
  ])
  await old
    .table('messages')
    .bulkPut([
      { id: newId(), conversationId: known, text: 'said before', delivery: 'sent', position: 2 },
      ...sends.map(({ id, conversationId, text }) => ({ id, conversationId, text, delivery: 'pending' })),
    ])
  await old.table('rooms').put({ id: known, cursor: 2 })
  await old.table('texts').put({ replyId: newId(), text: 'gone' })
  await old
    .table('outbox')
    .bulkAdd([
      { ...waiting, conversationId: made, call: { procedure: 'conversation.create', input: { id: made } } },
      ...sends.map((input) => ({ ...waiting, conversationId: input.conversationId, call: { procedure: 'message.send', input } })),
      { ...waiting, conversationId: made, call: { procedure: 'conversation.update', input: { id: made, title: 'Named offline' } } },
    ])
  await old.table('drafts').put({ conversationId: made, text: 'half a thought' })
  old.close()

  const { db } = openStore(server.person.id)
  expect((await unsent()).map(({ call }) => call.procedure)).toEqual([
    'conversation.create',
    'message.send',
    'message.send',
    'message.send',
    'conversation.update',
  ])
  expect(await draft(made)).toBe('half a thought')
  expect((await conversations()).map(({ id, title }) => [id, title])).toEqual([[made, 'Named offline']])
  const shown = (await messages(made, 10)).messages
  expect(shown.map(({ text, delivery }) => [text, delivery])).toEqual([
    ['one', 'pending'],
    ['two', 'pending'],
  ])
  expect(shown.every((row) => row.kind === 'prompt' && row.author.name === 'Ada')).toBe(true)
  // What the server has too is asked for anew.
  expect(await db.rooms.get(known)).toBeUndefined()
  expect((await messages(known, 10)).messages.map(({ text }) => text)).toEqual(['three'])
  expect(db.tables.some(({ name }) => name === 'texts')).toBe(false)

  const tab = openTab(server, known)
  tabs.push(tab)
  tab.line.connect()
  await eventually(async () => (await unsent()).length === 0)
  const texts = (id: string) => server.room(id).rows.flatMap((row) => (row.kind === 'reply' ? [] : [row.text]))
  expect([texts(made), texts(known)]).toEqual([
    ['one', 'two'],
    ['said before', 'three'],
  ])
  expect(server.room(made).row.title).toBe('Named offline')
  expect(server.calls.filter((call) => call.startsWith('message.send'))).toHaveLength(3)
  await eventually(async () => (await messages(known, 10)).messages[0]?.text === 'said before')
  await eventually(async () => (await conversations()).length === 2)
})

test('what was refused stays refused, and is not sent by itself', async () => {
  const server = new ModelServer()
  const { id } = server.open().row
  const input = { id: newId(), conversationId: id, text: 'too much', kind: 'prompt', replyId: newId() }
  const old = await ofBefore(server.person.id)
  await old.table('outbox').add({
    conversationId: id,
    call: { procedure: 'message.send', input },
    state: 'failed',
    failure: { code: 'forbidden' },
    createdAt: 5,
  })
  old.close()
  openStore(server.person.id)
  const tab = openTab(server, id)
  tabs.push(tab)
  tab.line.connect()
  await eventually(() => tab.store.connection.current === 'online')
  expect((await messages(id, 10)).messages.map(({ delivery }) => delivery)).toEqual(['failed'])
  expect((await unsent()).map(({ failure }) => failure)).toEqual([{ code: 'forbidden' }])
  expect(server.room(id).rows).toEqual([])
})

test('a store of the present form is opened as it is', async () => {
  const person = newId()
  openStore(person)
  const id = await newConversation()
  await sendPrompt(id, 'kept')
  await renameConversation(id, 'A name')
  await saveDraft(id, 'draft')
  const before = await unsent()
  const { db } = openStore(person)
  expect(await unsent()).toEqual(before)
  expect((await db.conversations.get(id))?.title).toBe('A name')
  expect((await messages(id, 5)).messages.map(({ text }) => text)).toEqual(['kept'])
})

test('a page whose store a newer one wants to change lets go of the server, keeps its drafts, and is loaded anew', async () => {
  const server = new ModelServer()
  openStore(server.person.id)
  let replaced = 0
  const tab = openTab(server, null, { onReplaced: () => replaced++ })
  tabs.push(tab)
  tab.line.connect()
  await eventually(() => tab.store.connection.current === 'online')
  const newer = new Dexie(`confab-${server.person.id}`)
  newer.version(99).stores({ conversations: 'id', drafts: 'conversationId' })
  const opened = newer.open()
  await eventually(() => replaced === 1)
  expect(tab.line.state).toBe('closed')
  await tab.store.db.drafts.put({ conversationId: newId(), text: 'the last words' })
  // What a reload does.
  tab.store.db.close()
  await opened
  expect(await newer.table('drafts').count()).toBe(1)
  newer.close()
})
