import { describe, expect, test } from 'bun:test'
import { DraftKeeper } from '../../web/lib/draft-keeper.ts'
import { pieces } from '../../web/lib/plain-text.ts'
import { type Box, earlierStep, END_PX, isAtEnd, keptTop, nextFollowing } from '../../web/lib/scroll.ts'

describe('following the end', () => {
  const end: Box = { top: 1_000, height: 1_600, viewport: 600 }

  test('the end has a little width', () => {
    expect(isAtEnd(end)).toBe(true)
    expect(isAtEnd({ ...end, top: end.top - END_PX })).toBe(true)
    expect(isAtEnd({ ...end, top: end.top - END_PX - 1 })).toBe(false)
  })

  test('text that grows does not end it', () => {
    expect(nextFollowing(true, end, { ...end, height: 1_900 })).toBe(true)
  })

  test('the reader’s way up ends it, also while the text grows', () => {
    expect(nextFollowing(true, end, { ...end, top: 900 })).toBe(false)
    expect(nextFollowing(true, end, { ...end, top: 940, height: 1_700 })).toBe(false)
  })

  test('a keyboard that opens or closes does not end it', () => {
    expect(nextFollowing(true, end, { ...end, viewport: 300 })).toBe(true)
    expect(nextFollowing(true, { ...end, top: 1_300, viewport: 300 }, { ...end, top: 900, viewport: 650 })).toBe(true)
  })

  test('it begins again only at the end', () => {
    const up = { ...end, top: 500 }
    expect(nextFollowing(false, up, { ...end, top: 700 })).toBe(false)
    expect(nextFollowing(false, up, end)).toBe(true)
  })

  test('what is put before the view moves the view by its height', () => {
    expect(keptTop(200, -40, 960)).toBe(1_200)
    expect(keptTop(200, 0, -500)).toBe(0)
  })

  test('the window is widened while the store has more, then the server is asked', () => {
    expect(earlierStep({ shown: 50, window: 50, earlier: true })).toBe('widen')
    expect(earlierStep({ shown: 73, window: 100, earlier: true })).toBe('request')
    expect(earlierStep({ shown: 73, window: 100, earlier: false })).toBe('none')
  })
})

describe('what a person wrote', () => {
  const kinds = (text: string) => pieces(text).map((piece) => [piece.kind, piece.text])

  test('stays as it is, line by line', () => {
    expect(kinds('# not a heading\n\n  **not bold** <b>')).toEqual([['text', '# not a heading\n\n  **not bold** <b>']])
    expect(kinds('')).toEqual([])
  })

  test('code is set apart', () => {
    expect(kinds('use `a b` or ``c`d``.')).toEqual([
      ['text', 'use '],
      ['code', 'a b'],
      ['text', ' or '],
      ['code', 'c`d'],
      ['text', '.'],
    ])
    expect(kinds('see\n```js\nconst a = `x`\n\nhttps://a.test\n```\nbye')).toEqual([
      ['text', 'see'],
      ['fence', 'const a = `x`\n\nhttps://a.test'],
      ['text', 'bye'],
    ])
    expect(kinds('```\nnever closed')).toEqual([['fence', 'never closed']])
  })

  test('addresses are links, without the sentence around them', () => {
    expect(kinds('(see https://a.test/b_(c)). Or http://d.test?')).toEqual([
      ['text', '(see '],
      ['link', 'https://a.test/b_(c)'],
      ['text', '). Or '],
      ['link', 'http://d.test'],
      ['text', '?'],
    ])
  })

  test('nothing but http and https is ever a link', () => {
    expect(pieces('javascript:alert(1) data:text/html,x file:///a https:// HTTP').filter(({ kind }) => kind === 'link')).toEqual([])
  })

  test('nothing is lost on the way', () => {
    const text = 'a https://a.test, b\nc https://b.test/x) d'
    expect(pieces(text).map((piece) => piece.text)).toEqual(['a ', 'https://a.test', ', b\nc ', 'https://b.test/x', ') d'])
  })
})

describe('a draft', () => {
  function keeper() {
    const saved: [string, string][] = []
    const writes: (() => void)[] = []
    const drafts = new DraftKeeper((id, text) => {
      saved.push([id, text])
      return new Promise((resolve) => writes.push(resolve))
    })
    drafts.enter('a')
    /** Lets the save that runs end. */
    const written = async () => {
      writes.shift()?.()
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
    }
    return { drafts, saved, written }
  }

  test('is saved with the key that changes it, so that a page that goes away loses nothing', () => {
    const { drafts, saved } = keeper()
    drafts.typed('h')
    expect(saved).toEqual([['a', 'h']])
  })

  test('is saved once more, as it is then, when it was changed during a save', async () => {
    const { drafts, saved, written } = keeper()
    drafts.typed('h')
    drafts.typed('he')
    drafts.typed('hello')
    expect(saved).toEqual([['a', 'h']])
    await written()
    expect(saved).toEqual([
      ['a', 'h'],
      ['a', 'hello'],
    ])
    await written()
    expect(saved).toHaveLength(2)
  })

  test('is saved into the room it was written in', async () => {
    const { drafts, saved, written } = keeper()
    drafts.typed('h')
    drafts.typed('hello')
    drafts.enter('b')
    drafts.typed('other')
    await written()
    await written()
    expect(saved).toEqual([
      ['a', 'h'],
      ['a', 'hello'],
      ['b', 'other'],
    ])
  })

  test('that was taken back to nothing does not reappear when the store reports an earlier save', async () => {
    const { drafts, written } = keeper()
    drafts.typed('h')
    drafts.typed('')
    expect(drafts.incoming('h')).toBeNull()
    await written()
    await written()
    expect(drafts.incoming('')).toBeNull()
  })

  test('of another room is shown although the last one is still being saved', () => {
    const { drafts } = keeper()
    drafts.typed('hello')
    drafts.enter('b')
    expect(drafts.incoming('kept')).toBe('kept')
  })

  test('comes back from the store into an empty box', () => {
    expect(keeper().drafts.incoming('hello')).toBe('hello')
  })

  test('never replaces what is being typed', () => {
    const { drafts } = keeper()
    drafts.typed('mine')
    expect(drafts.incoming('theirs')).toBeNull()
  })

  test('that was sent does not come back when the store reports it late, and is not saved again', async () => {
    const { drafts, saved, written } = keeper()
    drafts.typed('hell')
    drafts.typed('hello')
    drafts.sent('hello')
    await written()
    expect(drafts.incoming('hello')).toBeNull()
    expect(saved).toEqual([['a', 'hell']])
  })

  test('comes back when the message was given up', async () => {
    const { drafts, written } = keeper()
    drafts.typed('hello')
    drafts.sent('hello')
    await written()
    drafts.incoming('')
    expect(drafts.incoming('hello')).toBe('hello')
  })

  test('of another tab is followed until something is typed here', () => {
    const { drafts } = keeper()
    expect(drafts.incoming('hel')).toBe('hel')
    expect(drafts.incoming('hello')).toBe('hello')
    expect(drafts.incoming('')).toBe('')
    expect(drafts.incoming('again')).toBe('again')
    drafts.typed('again!')
    expect(drafts.incoming('')).toBeNull()
  })
})

test('a draft that is reported late is not put back into the box that wrote it, but one of an earlier visit is', async () => {
  const saved: [text: string, by: string][] = []
  const keeper = new DraftKeeper(async (_room, text, by) => void saved.push([text, by]))
  keeper.enter('room')
  keeper.typed('green')
  await Promise.resolve()
  keeper.sent('green')
  keeper.typed('blue')
  keeper.sent('blue')
  await new Promise((resolve) => setTimeout(resolve))
  const [text = '', by = ''] = saved[0] ?? []
  expect(text).toBe('green')
  expect(keeper.incoming(text, by)).toBeNull()
  expect(keeper.incoming('given up')).toBe('given up')
  keeper.enter('elsewhere')
  keeper.enter('room')
  expect(keeper.incoming(text, by)).toBe('green')
})
