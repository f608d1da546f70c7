import { beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { type Author, type Member, type Message, newId } from '#contract'
import { apply } from '../../web/store/apply.ts'
import { discardSend, newConversation, resumeReply, retrySend, sendPrompt, stopReply } from '../../web/store/commands.ts'
import { saveDraft } from '../../web/store/drafts.ts'
import { editPrompt, regenerateReply, selectVersion } from '../../web/store/branches.ts'
import { conversation, conversations, draft, messages, unsent } from '../../web/store/queries.ts'
import { removeRooms } from '../../web/store/removing.ts'
import { openStore, type Store } from '../../web/store/store.ts'
import { waitingCalls } from '../../web/store/waiting.ts'
import { ModelRoom } from '../support/model-room.ts'

const ada: Author = { id: newId(), name: 'Ada' }
let store: Store

beforeEach(() => {
  store = openStore(newId())
})

async function load(room: ModelRoom, limit = 50): Promise<void> {
  await apply(store.db, [{ kind: 'page', since: 0, answer: room.page(0, limit) }], new Map())
}

async function texts(room: ModelRoom, count = 50): Promise<string[]> {
  return (await messages(room.row.id, count)).messages.map(({ text, kind }) => text || kind)
}

/** A room with a prompt and its answer, and a second answer beside it that was chosen first. */
function branched() {
  const room = new ModelRoom()
  room.send(ada, 'question')
  const [prompt, first] = room.rows
  if (!prompt || first?.kind !== 'reply') throw new Error('the room is empty')
  const position = room.row.revision + 1
  const second: Message = { ...first, id: newId(), text: 'second', position, revision: position }
  room.messages.set(first.id, { ...first, text: 'first' })
  room.messages.set(second.id, second)
  room.row = { ...room.row, revision: position, headId: second.id }
  return { room, prompt, first, second }
}

describe('the messages of a room', () => {
  test('are those of the selected branch', async () => {
    const { room, first } = branched()
    await load(room)
    expect(await texts(room)).toEqual(['question', 'second'])
    room.row = { ...room.row, revision: room.row.revision + 1, headId: first.id }
    await apply(store.db, [{ kind: 'conversation', row: room.row }], new Map())
    expect(await texts(room)).toEqual(['question', 'first'])
  })

  test('include notes, wherever they hang, but nothing that was removed', async () => {
    const { room, prompt } = branched()
    room.send(ada, 'note', 'note')
    await load(room)
    expect(await texts(room)).toEqual(['question', 'second', 'note'])
    room.remove(prompt.id)
    await apply(store.db, [{ kind: 'messages', rows: room.rows }], new Map())
    expect(await texts(room)).toEqual(['second', 'note'])
  })

  test('follow a new prompt before the row of the room says so', async () => {
    const { room } = branched()
    await load(room)
    const frames = room.send(ada, 'next')
    const rows = frames.flatMap((frame) => (frame[0] === 'message' ? [frame[1]] : []))
    await apply(store.db, [{ kind: 'messages', rows }], new Map())
    expect(await texts(room)).toEqual(['question', 'second', 'next', 'reply'])
  })

  test('are all shown while the head of the path is not loaded', async () => {
    const { room } = branched()
    room.row = { ...room.row, headId: newId() }
    await load(room)
    expect(await texts(room)).toEqual(['question', 'first', 'second'])
  })

  test('come in pages, and say when there are earlier ones here or on the server', async () => {
    const room = new ModelRoom()
    for (let index = 0; index < 10; index++) room.send(ada, `n${index}`, 'note')
    await load(room, 6)
    expect(await messages(room.row.id, 4)).toMatchObject({ earlier: true, messages: [{}, {}, {}, {}] })
    expect(await texts(room, 4)).toEqual(['n6', 'n7', 'n8', 'n9'])
    expect((await messages(room.row.id, 6)).earlier).toBe(true)
    const answer = room.history(room.rows[4]?.position ?? 0, 50)
    await apply(store.db, [{ kind: 'history', conversationId: room.row.id, answer }], new Map())
    expect(await messages(room.row.id, 10)).toMatchObject({ earlier: false })
    expect(await texts(room, 10)).toHaveLength(10)
  })

  test('are found on a long path between many rows of other branches', async () => {
    const { room, second } = branched()
    for (let index = 0; index < 30; index++) {
      const position = room.row.revision + 1
      const other: Message = { ...second, id: newId(), text: `other ${index}`, position, revision: position }
      room.messages.set(other.id, other)
      room.row = { ...room.row, revision: position }
    }
    await load(room)
    expect(await texts(room, 3)).toEqual(['question', 'second'])
  })
})

describe('versions', () => {
  test('are counted beside what is shown, and nothing else is', async () => {
    const { room, prompt, first, second } = branched()
    await load(room)
    const { versions } = await messages(room.row.id, 50)
    expect([...versions]).toEqual([[second.id, [first.id, second.id]]])
    expect(versions.has(prompt.id)).toBe(false)
  })

  test('are chosen at once, and the wish is kept over what comes meanwhile', async () => {
    const { room, first, second } = branched()
    await load(room)
    await selectVersion(first.id)
    expect(await texts(room)).toEqual(['question', 'first'])
    // Once more changes nothing.
    await selectVersion(first.id)
    expect((await unsent()).map(({ call }) => call.procedure)).toEqual(['message.select'])
    room.row = { ...room.row, revision: room.row.revision + 1, title: 'named' }
    await apply(store.db, [{ kind: 'conversation', row: room.row }], new Map())
    expect(await texts(room)).toEqual(['question', 'first'])
    // Refused, it gives way to what the server says.
    await apply(store.db, [{ kind: 'refused', seq: (await unsent())[0]?.seq ?? 0, failure: { code: 'forbidden' } }], new Map())
    expect(await texts(room)).toEqual(['question', 'second'])
    expect((await conversation(room.row.id))?.headId).toBe(second.id)
  })

  test('of one’s own prompt stand at once where the first one stood, with what is said after them', async () => {
    const me = { id: store.personId, name: 'Ada' }
    const room = new ModelRoom()
    room.send(me, 'one')
    room.send(me, 'two')
    room.send(ada, 'of somebody else')
    const [one, reply, two, , other] = room.rows
    if (!one || !reply || !two || !other) throw new Error('the room is empty')
    await load(room)
    expect(await editPrompt(other.id, 'not mine')).toBeNull()
    expect(await editPrompt(reply.id, 'no prompt')).toBeNull()
    await sendPrompt(room.row.id, 'waits on the other path')
    const id = await editPrompt(two.id, 'two, but better')
    expect((await texts(room)).slice(-2)).toEqual(['reply', 'two, but better'])
    await sendPrompt(room.row.id, 'and then')
    expect(await texts(room)).toEqual(['one', 'reply', 'two, but better', 'and then'])
    const [, entry] = await unsent()
    expect(entry?.call).toMatchObject({ procedure: 'message.edit', input: { id, of: two.id, text: 'two, but better' } })
    // Refused, it waits for its author behind what the room shows.
    await apply(store.db, [{ kind: 'refused', seq: entry?.seq ?? 0, failure: { code: 'forbidden' } }], new Map())
    expect(await texts(room)).toContain('of somebody else')
    await discardSend(id ?? '')
    expect(await draft(room.row.id)).toBe('two, but better')
  })

  test('of a reply wait for their turn where the first one stood, and are asked for once', async () => {
    const { room, prompt, second } = branched()
    await load(room)
    for (let times = 0; times < 2; times++) await regenerateReply(second.id, 'another')
    const shown = (await messages(room.row.id, 50)).messages
    expect(shown.map(({ id, kind }) => (id === prompt.id ? 'question' : kind))).toEqual(['question', 'reply'])
    expect(shown.at(-1)).toMatchObject({ state: 'queued', parentId: prompt.id, delivery: 'pending' })
    const [entry, ...others] = await unsent()
    expect(others).toEqual([])
    expect(entry?.call).toMatchObject({ procedure: 'message.regenerate', input: { of: second.id, model: 'another' } })
    await apply(store.db, [{ kind: 'refused', seq: entry?.seq ?? 0, failure: { code: 'guest' } }], new Map())
    expect(await texts(room)).toEqual(['question', 'second'])
    expect(await unsent()).toEqual([])
  })
})

describe('a command', () => {
  test('makes a room, and gives the same one until something is said in it', async () => {
    const id = await newConversation()
    expect(await newConversation()).toBe(id)
    await sendPrompt(id, 'hello')
    expect(await newConversation()).not.toBe(id)
    expect((await conversation(id))?.title).toBe('hello')
    expect((await unsent()).map(({ call }) => call.procedure)).toEqual(['conversation.create', 'message.send', 'conversation.create'])
  })

  test('takes no empty room for a new one but an own one in which nobody else is', async () => {
    const member = (id: string, role: Member['role']): Member => ({
      person: { id, name: 'Ada', kind: 'member' },
      role,
      here: false,
      seenAt: null,
      read: 0,
    })
    const taken = async (role: Member['role'] | null, people: Member[] | null): Promise<boolean> => {
      store = openStore(newId())
      const room = new ModelRoom()
      const conversationId = room.row.id
      await load(room)
      if (role) await apply(store.db, [{ kind: 'membership', row: { conversationId, role, read: 0 } }], new Map())
      if (people)
        await apply(store.db, [{ kind: 'people', conversationId, people: [member(store.personId, 'owner'), ...people] }], new Map())
      return (await newConversation()) === conversationId
    }
    expect(await taken('owner', null)).toBe(true)
    expect(await taken('owner', [])).toBe(true)
    expect(await taken('owner', [member(ada.id, 'viewer')])).toBe(false)
    expect(await taken('participant', null)).toBe(false)
    expect(await taken('viewer', null)).toBe(false)
    expect(await taken(null, null)).toBe(false)
  })

  test('sends a prompt and clears its draft', async () => {
    const id = await newConversation()
    await saveDraft(id, 'hel')
    expect(await draft(id)).toBe('hel')
    await sendPrompt(id, 'hello')
    expect(await draft(id)).toBe('')
    const shown = await messages(id, 10)
    expect(shown.messages).toMatchObject([{ text: 'hello', delivery: 'pending', author: { id: store.personId } }])
    expect(shown.earlier).toBe(false)
  })

  test('sends a prompt that was no draft, and leaves the draft alone', async () => {
    const id = await newConversation()
    await saveDraft(id, 'half a thought')
    await sendPrompt(id, 'An example', 'prompt', null)
    expect(await draft(id)).toBe('half a thought')
  })

  test('keeps unsent messages in the order in which they were written, behind what has a place', async () => {
    const room = new ModelRoom()
    room.send(ada, 'placed', 'note')
    await load(room)
    for (const text of ['one', 'two', 'three']) await sendPrompt(room.row.id, text)
    expect(await texts(room)).toEqual(['placed', 'one', 'two', 'three'])
  })

  test('shows a message once that gets its place while the room is being read', async () => {
    const room = new ModelRoom()
    room.send(ada, 'placed', 'note')
    await load(room)
    const id = await sendPrompt(room.row.id, 'sent')
    // Read beside the messages that wait, and answered only when they do not wait any more.
    const { rooms } = store.db
    const arrive = spyOn(rooms, 'get').mockImplementationOnce((async (key: string) => {
      arrive.mockRestore()
      const found = await rooms.get(key)
      room.send(ada, 'sent', 'prompt', id)
      await load(room)
      return found
    }) as typeof rooms.get)
    expect((await messages(room.row.id, 50)).messages.filter((message) => message.id === id)).toHaveLength(1)
  })

  test('gives a refused message back to the composer, or sends it again', async () => {
    const id = await newConversation()
    const [lost, again] = [await sendPrompt(id, 'lost'), await sendPrompt(id, 'again')]
    const entries = await unsent()
    for (const { seq = 0, call } of entries) {
      if (call.procedure === 'message.send') await apply(store.db, [{ kind: 'refused', seq, failure: { code: 'forbidden' } }], new Map())
    }
    expect((await messages(id, 9)).messages.map(({ delivery }) => delivery)).toEqual(['failed', 'failed'])
    await discardSend(lost)
    await retrySend(again)
    expect(await draft(id)).toBe('lost')
    expect((await messages(id, 9)).messages).toMatchObject([{ text: 'again', delivery: 'pending' }])
    expect((await unsent()).map(({ call, state }) => `${call.procedure} ${state}`)).toEqual([
      'conversation.create waiting',
      'message.send waiting',
    ])
  })

  test('does not overwrite what is being written when a message is given up', async () => {
    const id = await newConversation()
    const message = await sendPrompt(id, 'old')
    const { seq = 0 } = (await unsent())[1] ?? {}
    await apply(store.db, [{ kind: 'refused', seq, failure: { code: 'invalid' } }], new Map())
    await saveDraft(id, 'new')
    await discardSend(message)
    expect(await draft(id)).toBe('new')
  })

  test('removes a room with what was not sent once the server agrees, and no news brings it back', async () => {
    const room = new ModelRoom()
    const { id } = room.row
    await load(room)
    await sendPrompt(id, 'unsent')
    await saveDraft(id, 'unfinished')
    await removeRooms([id], 0)
    expect(await conversations()).toEqual([])
    room.rename('news')
    await apply(store.db, [{ kind: 'conversation', row: room.row }], new Map())
    expect(await conversation(id)).toBeUndefined()
    // Nothing of it is sent any more, and nothing is lost while the server may still refuse.
    expect((await waitingCalls(store.db, () => true)).map(({ call }) => call.procedure)).toEqual(['conversation.remove'])
    expect(await draft(id)).toBe('unfinished')
    const { seq = 0 } = (await unsent()).at(-1) ?? {}
    await apply(
      store.db,
      [
        { kind: 'gone', conversationId: id },
        { kind: 'answered', seq },
      ],
      new Map(),
    )
    expect(await unsent()).toEqual([])
    expect(await store.db.messages.count()).toBe(0)
    expect(await draft(id)).toBe('')
  })

  test('keeps nothing of the people of a room that was removed, whatever comes late', async () => {
    const room = new ModelRoom()
    const { id } = room.row
    await load(room)
    const membership = { conversationId: id, role: 'owner', read: 0 } as const
    await apply(
      store.db,
      [
        { kind: 'membership', row: membership },
        { kind: 'people', conversationId: id, people: [] },
      ],
      new Map(),
    )
    const removed = { ...room.row, revision: room.row.revision + 1, deleted: true }
    const list = { conversations: [removed], memberships: [membership], arrangements: [], cursor: '2', complete: false }
    await apply(store.db, [{ kind: 'list', known: [id], since: null, answer: list }], new Map())
    await apply(store.db, [{ kind: 'people', conversationId: id, people: [] }], new Map())
    expect(await store.db.memberships.count()).toBe(0)
    expect(await store.db.people.count()).toBe(0)
    // What an older version of this client has left behind.
    await store.db.memberships.put({ ...membership, told: 0 })
    const whole = { conversations: [], memberships: [], arrangements: [], cursor: '3', complete: true }
    await apply(store.db, [{ kind: 'list', known: [], since: '2', answer: whole }], new Map())
    expect(await store.db.memberships.count()).toBe(0)
  })

  test('asks a reply once to stop and once to go on, however often it is clicked', async () => {
    const room = new ModelRoom()
    room.send(ada, 'hi')
    await load(room)
    const [reply] = room.open
    for (let index = 0; index < 3; index++) {
      await stopReply(reply?.id ?? '')
      await resumeReply(reply?.id ?? '')
    }
    expect((await unsent()).map(({ call }) => call)).toEqual([
      { procedure: 'reply.stop', input: { id: reply?.id ?? '', operation: expect.any(String) } },
      { procedure: 'reply.resume', input: { id: reply?.id ?? '', revision: reply?.revision ?? 0 } },
    ])
  })
})
