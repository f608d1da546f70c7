import { describe, expect, test } from 'bun:test'
import { newId } from '#contract'
import { keptPlace } from '../../web/lib/caret.ts'
import { DraftKeeper } from '../../web/lib/draft-keeper.ts'
import { changeDraft, saveDraft } from '../../web/store/drafts.ts'
import { draftRow } from '../../web/store/queries.ts'
import { openStore } from '../../web/store/store.ts'

const LATER = Date.now() + 3_600_000

describe('a draft', () => {
  function keeper() {
    const saved: { id: string; text: string; by: string; at: number }[] = []
    const writes: (() => void)[] = []
    const drafts = new DraftKeeper((id, text, by, at) => {
      saved.push({ id, text, by, at })
      return new Promise((resolve) => writes.push(resolve))
    })
    drafts.enter('a')
    drafts.incoming(undefined)
    /** Lets the save that runs end. */
    const written = async () => {
      writes.shift()?.()
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
    }
    return { drafts, saved, written, texts: () => saved.map(({ id, text }) => `${id} ${text}`) }
  }

  test('is saved with the key that changes it, so that a page that goes away loses nothing', () => {
    const { drafts, texts } = keeper()
    drafts.typed('h')
    expect(texts()).toEqual(['a h'])
  })

  test('is saved once more, as it is then, when it was changed during a save', async () => {
    const { drafts, texts, written } = keeper()
    drafts.typed('h')
    drafts.typed('he')
    drafts.typed('hello')
    expect(texts()).toEqual(['a h'])
    await written()
    expect(texts()).toEqual(['a h', 'a hello'])
    await written()
    expect(texts()).toHaveLength(2)
  })

  test('is saved into the room it was written in', async () => {
    const { drafts, texts, written } = keeper()
    drafts.typed('h')
    drafts.typed('hello')
    drafts.enter('b')
    drafts.incoming(undefined)
    drafts.typed('other')
    await written()
    await written()
    expect(texts()).toEqual(['a h', 'a hello', 'b other'])
  })

  test('that is reported late is not put back into the box that wrote it, but one of an earlier visit is', async () => {
    const { drafts, saved, written } = keeper()
    drafts.typed('green')
    await written()
    drafts.sent()
    drafts.typed('')
    expect(drafts.incoming(saved[0])).toBeNull()
    drafts.enter('elsewhere')
    drafts.enter('a')
    expect(drafts.incoming(saved[0])).toBe('green')
  })

  test('that was sent does not come back, and is not saved again', async () => {
    const { drafts, texts, saved, written } = keeper()
    drafts.typed('hell')
    drafts.typed('hello')
    drafts.sent()
    await written()
    expect(drafts.incoming(saved[0])).toBeNull()
    expect(texts()).toEqual(['a hell'])
  })

  test('of another tab is shown as long as it was typed later than what is here, also when the clock was set back', () => {
    const { drafts, saved } = keeper()
    expect(drafts.incoming({ text: 'hel', by: 'b', at: LATER })).toBe('hel')
    drafts.typed('hello')
    expect(saved[0]?.at).toBeGreaterThan(LATER)
    expect(drafts.incoming({ text: 'held', by: 'b', at: LATER })).toBeNull()
    expect(drafts.incoming({ text: 'help', by: 'b', at: LATER + 10 })).toBe('help')
    expect(drafts.incoming({ text: '', by: 'b', at: LATER + 20 })).toBe('')
  })

  test('that is opened is what is typed on, also by who does not wait for it', () => {
    const { drafts, texts } = keeper()
    drafts.enter('b')
    drafts.typed('x')
    expect(texts()).toEqual([])
    expect(drafts.incoming({ text: 'kept', by: 'b', at: LATER })).toBe('keptx')
    expect(texts()).toEqual(['b keptx'])
  })

  test('that was not opened yet is not what was sent', () => {
    const { drafts } = keeper()
    drafts.enter('b')
    drafts.typed('x')
    expect(drafts.sent()).toBeNull()
    expect(drafts.incoming({ text: 'kept', by: 'b', at: 1 })).toBe('kept')
  })

  test('that was begun before there was a room goes into the first one', () => {
    const { drafts, texts } = keeper()
    expect(drafts.enter(null)).toBe('')
    drafts.typed('early')
    expect(drafts.enter('b')).toBe('early')
    drafts.incoming(undefined)
    expect(texts()).toEqual(['b early'])
    expect(drafts.enter('c')).toBe('')
  })

  test('that a command changes is shown, and what was typed meanwhile stays', () => {
    const { drafts, saved } = keeper()
    drafts.typed('and then')
    const at = saved[0]?.at ?? 0
    expect(drafts.incoming({ text: 'withdrawn\n\nand then', at: at + 1 })).toBe('withdrawn\n\nand then')
    expect(drafts.incoming({ text: 'and then', at: at + 2 })).toBe('and then')
    drafts.typed('and then?')
    drafts.typed('and then!')
    expect(drafts.incoming({ text: 'something else', at: at + 3 })).toBeNull()
  })

  test('that a command puts a text before comes with it, also when the command knew only of what was there a moment ago', async () => {
    const { drafts, texts, written } = keeper()
    drafts.typed('and then')
    expect(drafts.incoming({ text: 'withdrawn\n\nand then', at: 1 })).toBe('withdrawn\n\nand then')
    await written()
    expect(texts().at(-1)).toBe('a withdrawn\n\nand then')
  })
})

describe('stored drafts', () => {
  test('are those that were typed last, whichever comes last', async () => {
    openStore(newId())
    await saveDraft('a', 'later', 'one', 20)
    await saveDraft('a', 'earlier', 'two', 10)
    expect(await draftRow('a')).toMatchObject({ text: 'later', by: 'one' })
    await saveDraft('a', '', 'two', 30)
    await saveDraft('a', 'frozen until now', 'one', 25)
    expect(await draftRow('a')).toMatchObject({ text: '', at: 30 })
  })

  test('are changed by a command, and by what was typed after what the command has read', async () => {
    const { db } = openStore(newId())
    await saveDraft('a', 'typed', 'one', 20)
    await changeDraft(db, 'a', (text) => `put, ${text}`)
    expect(await draftRow('a')).toEqual({ conversationId: 'a', text: 'put, typed', at: 21 })
    await saveDraft('a', 'typed on', 'one', 22)
    expect(await draftRow('a')).toMatchObject({ text: 'typed on' })
  })
})

test('a place in a text stays where it is while the text is changed before, behind and around it', () => {
  const at = (marked: string, after: string) => {
    const place = keptPlace(marked.indexOf('|'), marked.replace('|', ''), after)
    return `${after.slice(0, place)}|${after.slice(place)}`
  }
  expect(at('one| two', 'one two three')).toBe('one| two three')
  expect(at('one two|', 'one two three')).toBe('one two three|')
  expect(at('one t|wo', 'zero one two')).toBe('zero one t|wo')
  expect(at('one |old two', 'one new, longer two')).toBe('one |new, longer two')
  expect(at('one ol|d two', 'one brand new two')).toBe('one brand new| two')
  expect(at('gone|', '')).toBe('|')
  expect(at('|here', 'there')).toBe('|there')
})
