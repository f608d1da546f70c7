import { describe, expect, test } from 'bun:test'
import { type Message, newId, type ReplyState } from '#contract'
import { QUEUED } from './queued-reply.ts'
import { LiveTexts } from './texts.ts'

/* What the other tests rely on to notice a fault in a stream has to notice it. */

const id = newId()

function reply(state: ReplyState, text: string): Message {
  return {
    ...QUEUED,
    id,
    conversationId: newId(),
    parentId: null,
    text,
    state,
    askedBy: null,
    position: 2,
    revision: 3,
    createdAt: 0,
    deleted: false,
  }
}

describe('a text assembled from deltas', () => {
  test('is whole when they touch or repeat each other', () => {
    const texts = new LiveTexts()
    texts.take(['message', reply('streaming', '')])
    texts.take(['delta', id, 0, 'hello'])
    texts.take(['delta', id, 3, 'lo wor'])
    texts.take(['delta', id, 9, 'ld'])
    texts.take(['delta', id, 2, 'llo'])
    texts.take(['message', reply('complete', 'hello world')])
    expect(texts.read().get(id)).toBe('hello world')
  })

  test('is refused when something is missing', () => {
    const texts = new LiveTexts()
    texts.take(['delta', id, 0, 'hello'])
    texts.take(['delta', id, 6, 'world'])
    expect(() => texts.read()).toThrow('a delta at 6, but only 5 units are known')
  })

  test('is refused when a repetition differs', () => {
    const texts = new LiveTexts()
    texts.take(['delta', id, 0, 'hello'])
    texts.take(['delta', id, 3, 'p!'])
    expect(() => texts.read()).toThrow('repeats other text')
  })

  test('is refused when the final row differs', () => {
    const texts = new LiveTexts()
    texts.take(['delta', id, 0, 'hello'])
    texts.take(['message', reply('stopped', 'hell')])
    expect(() => texts.read()).toThrow('the final row')
  })
})

describe('joining in the middle', () => {
  test('holds deltas until the answer is applied, whichever comes first', () => {
    const texts = new LiveTexts()
    const apply = texts.hold()
    texts.take(['delta', id, 5, ' wor'])
    texts.take(['delta', id, 9, 'ld'])
    expect(texts.read().size).toBe(0)
    apply({ live: [{ id, text: 'hello w' }], messages: [reply('streaming', '')] })
    expect(texts.read().get(id)).toBe('hello world')
  })

  test('is refused when the answer leaves a gap before the first delta', () => {
    const texts = new LiveTexts()
    const apply = texts.hold()
    texts.take(['delta', id, 5, ' world'])
    apply({ live: [{ id, text: 'hell' }], messages: [] })
    expect(() => texts.read()).toThrow('a delta at 5')
  })
})
