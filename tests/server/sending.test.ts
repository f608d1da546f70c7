import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { LIMITS, newId, type Person } from '#contract'
import { create, reach, remove, update } from '../../server/database/conversations.ts'
import { changedSince } from '../../server/database/messages.ts'
import type { Database } from '../../server/database/open.ts'
import { member, person } from '../../server/database/schema.ts'
import { send, type Sending, type Sent } from '../../server/database/sending.ts'
import { openTestDatabase } from '../support/database.ts'

const ada: Person = { id: newId(), name: 'Ada', kind: 'owner' }
const eve: Person = { id: newId(), name: 'Eve', kind: 'guest' }

for (const kind of ['embedded', 'postgres', 'neon'] as const) {
  describe(`sending with the ${kind} database`, () => {
    let database: Database
    beforeAll(async () => {
      database = await openTestDatabase(kind)
      await database.db.insert(person).values([ada, eve])
    }, 60_000)
    afterAll(() => database.close(), 30_000)

    async function room(): Promise<string> {
      const id = newId()
      await create(database.db, ada, id, {})
      return id
    }
    const prompt = (conversationId: string, text = 'Hello'): Sending => ({
      id: newId(),
      conversationId,
      text,
      kind: 'prompt',
      replyId: newId(),
    })

    test('a prompt and its reply take the next two places, and what is returned is what is stored', async () => {
      const id = await room()
      const input = prompt(id, '  Which index?\nFor the feed. 👩‍🚀 "quoted" \\')
      const stored = await send(database.db, ada, input)
      if (stored.kind !== 'sent') throw new Error(stored.kind)
      const { messages } = await changedSince(database.db, id, 0, 10)
      expect(messages).toEqual([stored.message, stored.reply].filter((message) => message !== null))
      expect(messages.map(({ position, revision, parentId }) => [position, revision, parentId])).toEqual([
        [2, 2, null],
        [3, 3, input.id],
      ])
      expect(stored.change?.members).toEqual([ada.id])
      const found = await reach(database.db, id, ada.id)
      expect(stored.change?.conversation).toMatchObject({
        revision: 3,
        headId: input.replyId,
        title: 'Which index? For the feed. 👩‍🚀 "quoted" \\',
        createdAt: found?.row.createdAt.getTime() ?? 0,
        updatedAt: found?.row.updatedAt.getTime() ?? 0,
      })
    })

    test('a prompt that would give its reply its own id is refused', async () => {
      const id = await room()
      const input = prompt(id)
      expect(await send(database.db, ada, { ...input, replyId: input.id })).toEqual({ kind: 'taken' })
      expect((await changedSince(database.db, id, 0, 10)).messages).toEqual([])
    })

    test('many at once form one path: every place once, every parent the head of its moment', async () => {
      const id = await room()
      const inputs = Array.from({ length: 12 }, () => prompt(id))
      const sent = await Promise.all(inputs.map((input) => send(database.db, ada, input)))
      expect(sent.map((one) => one.kind)).toEqual(inputs.map(() => 'sent'))
      const { messages } = await changedSince(database.db, id, 0, 100)
      expect(messages.map(({ position }) => position)).toEqual(messages.map((_, index) => index + 2))
      for (const [index, message] of messages.entries()) expect(message.parentId).toBe(messages[index - 1]?.id ?? null)
      expect((await reach(database.db, id, ada.id))?.row).toMatchObject({ revision: 25, headId: messages.at(-1)?.id })
    })

    test('one message that is sent many times at once is stored once, and everybody is told the same', async () => {
      const input = prompt(await room())
      const sent = await Promise.all(Array.from({ length: 8 }, () => send(database.db, ada, input)))
      const told = sent.map((one) => (one.kind === 'sent' ? [one.message, one.reply] : one.kind))
      for (const one of told) expect(one).toEqual(told[0] as typeof one)
      expect(sent.filter((one) => one.kind === 'sent' && one.change !== null)).toHaveLength(1)
      expect((await changedSince(database.db, input.conversationId, 0, 10)).messages).toHaveLength(2)
    })

    test('a note hangs beside the path and asks nothing', async () => {
      const id = await room()
      const asked = prompt(id)
      await send(database.db, ada, asked)
      const note = await send(database.db, ada, { ...prompt(id, 'between us'), kind: 'note' })
      expect(note).toMatchObject({ kind: 'sent', reply: null, message: { kind: 'note', parentId: asked.replyId, position: 4 } })
      const next = await send(database.db, ada, prompt(id))
      expect(next).toMatchObject({ message: { parentId: asked.replyId } })
    })

    test('in a room that answers when addressed, only a mention asks', async () => {
      const id = await room()
      await update(database.db, ada.id, id, { answer: 'mention' })
      const replies = []
      for (const text of ['Hello all', 'and you, @Gemini?', 'geminis']) {
        const one = await send(database.db, ada, prompt(id, text))
        replies.push(one.kind === 'sent' && one.reply !== null)
      }
      expect(replies).toEqual([false, true, false])
    })

    test('who may not write is refused, and whose id it is not cannot take it', async () => {
      const id = await room()
      const first = prompt(id)
      await send(database.db, ada, first)
      const why = async (by: typeof ada, input: Sending): Promise<Sent['kind']> => (await send(database.db, by, input)).kind
      expect(await why(eve, prompt(id))).toBe('missing')
      expect(await why(ada, prompt(newId()))).toBe('missing')
      await database.db.insert(member).values({ conversationId: id, personId: eve.id, role: 'viewer', changed: '0' })
      expect(await why(eve, prompt(id))).toBe('forbidden')
      const other = await room()
      expect(await why(ada, { ...first, conversationId: other })).toBe('taken')
      expect(await why(ada, { ...prompt(other), replyId: first.id })).toBe('taken')
      await remove(database.db, ada.id, id)
      expect(await why(ada, first)).toBe('missing')
    })

    test('a room takes so many waiting replies and no more; a note still goes', async () => {
      const id = await room()
      for (let index = 0; index < LIMITS.queuedReplies; index++) await send(database.db, ada, prompt(id))
      expect((await send(database.db, ada, prompt(id))).kind).toBe('busy')
      expect((await send(database.db, ada, { ...prompt(id), kind: 'note' })).kind).toBe('sent')
    })
  })
}
