import { afterEach, describe, expect, test } from 'bun:test'
import { ORPCError } from '@orpc/server'
import { type Frame, newId } from '#contract'
import { createStore } from '../../web/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ModelServer } from '../support/model-server.ts'
import { openTab, type Tab } from '../support/tab.ts'

const tabs: Tab[] = []
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.stop()
})

function tab(...values: Parameters<typeof openTab>): Tab {
  const opened = openTab(...values)
  tabs.push(opened)
  return opened
}

const texts = async ({ store }: Tab, id: string) =>
  (await store.db.messages.where('[conversationId+position]').between([id, 0], [id, Number.MAX_SAFE_INTEGER]).toArray()).map(
    ({ text }) => text,
  )
/** The rooms that are still there: one that is gone leaves a mark. */
const conversationsOf = ({ store }: Tab) => store.db.conversations.filter(({ deleted }) => !deleted).toArray()
const cursor = async ({ store }: Tab, id: string) => (await store.db.rooms.get(id))?.cursor ?? null
const say = (server: ModelServer, id: string, text: string) => server.publish(id, server.room(id).send(server.person, text, 'note'))

/** A prompt whose reply runs. */
function running(server: ModelServer, id: string): string {
  const room = server.room(id)
  server.publish(id, room.send(server.person, 'question'))
  const replyId = room.open[0]?.id ?? ''
  server.publish(id, room.begin(replyId))
  return replyId
}

describe('the list', () => {
  test('takes away rooms of which the person was removed while this browser was not there', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const { id: kept } = server.open().row
    const one = tab(server, null)
    one.line.connect()
    await eventually(async () => (await conversationsOf(one)).length === 2)
    one.line.cut()
    server.rooms.delete(id)
    server.gone = [id]
    one.line.connect()
    await eventually(async () => (await conversationsOf(one)).length === 1)
    expect((await conversationsOf(one)).map((row) => row.id)).toEqual([kept])
  })
})

describe('joining', () => {
  test('brings the newest page, then what changes', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    for (let index = 0; index < 60; index++) server.room(id).send(server.person, `n${index}`, 'note')
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 61)
    expect((await texts(one, id)).length).toBe(50)
    expect(one.store.connection.current).toBe('online')
    say(server, id, 'live')
    await eventually(async () => (await texts(one, id)).at(-1) === 'live')
    expect(await cursor(one, id)).toBe(62)
  })

  test('has no seam: frames before, around and after the answer are applied once and in order', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const replyId = running(server, id)
    const publish = (frames: Frame[]) => server.publish(id, frames)
    const one = tab(server, id)
    // The topic is subscribed before the rows are read: these two deltas are in the frames and in the answer.
    server.before = (procedure) => {
      if (procedure !== 'conversation.join') return
      server.subscribe(id)
      publish(server.room(id).delta(replyId, 'one '))
      publish(server.room(id).delta(replyId, '語 '))
    }
    one.line.connect()
    await eventually(() => server.calls.includes(`conversation.join ${id}`))
    publish(server.room(id).delta(replyId, '👩‍👩‍👧‍👦 '))
    publish(server.room(id).delta(replyId, '\ud83d'))
    publish(server.room(id).delta(replyId, '\ude00'))
    await eventually(() => one.store.live.get(replyId) === 'one 語 👩‍👩‍👧‍👦 \u{1F600}')
    await eventually(async () => (await texts(one, id)).at(-1) === 'one 語 👩‍👩‍👧‍👦 \u{1F600}')
    publish(server.room(id).finish(replyId))
    await eventually(
      async () => (await one.store.db.messages.get(replyId))?.kind === 'reply' && (await cursor(one, id)) === server.room(id).row.revision,
    )
    expect(one.store.live.get(replyId)).toBe('one 語 👩‍👩‍👧‍👦 \u{1F600}')
  })

  test('goes on where the store is, also in pages, after the line was cut', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    one.line.cut()
    for (let index = 0; index < 130; index++) say(server, id, `n${index}`)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 131)
    expect(await texts(one, id)).toEqual(Array.from({ length: 130 }, (_, index) => `n${index}`))
    expect(server.calls.filter((call) => call.startsWith('conversation.pull'))).not.toBeEmpty()
  })

  test('is done for the rooms that the reader goes to, and a few are kept', async () => {
    const server = new ModelServer()
    const ids = Array.from({ length: 5 }, () => server.open().row.id)
    const one = tab(server)
    one.line.connect()
    for (const id of ids) {
      one.goTo(id)
      await eventually(async () => (await cursor(one, id)) === 1)
    }
    await eventually(() => server.calls.filter((call) => call.startsWith('conversation.leave')).length === 2)
    const [first = '', , , fourth = '', fifth = ''] = ids
    say(server, fourth, 'kept')
    say(server, first, 'left')
    say(server, fifth, 'open')
    await eventually(async () => (await texts(one, fifth)).length === 1 && (await texts(one, fourth)).length === 1)
    expect(await texts(one, first)).toEqual([])
    one.goTo(first)
    await eventually(async () => (await texts(one, first)).length === 1)
  })

  test('of one room does not confuse the text of another that is still being joined', async () => {
    const server = new ModelServer()
    const [slow, quick] = [server.open().row.id, server.open().row.id]
    const replyId = running(server, slow)
    server.room(slow).delta(replyId, 'before ')
    const gate = Promise.withResolvers<void>()
    server.before = (procedure, id) => {
      if (procedure !== 'conversation.join' || id !== slow) return
      server.subscribe(slow)
      return gate.promise
    }
    const one = tab(server, slow)
    one.line.connect()
    await eventually(() => server.calls.includes(`conversation.join ${slow}`))
    one.goTo(quick)
    await eventually(async () => (await cursor(one, quick)) === 1)
    server.publish(slow, server.room(slow).delta(replyId, 'meanwhile'))
    say(server, quick, 'read')
    await eventually(async () => (await texts(one, quick)).length === 1)
    gate.resolve()
    await eventually(() => one.store.live.get(replyId) === 'before meanwhile')
    expect(server.calls.filter((call) => call === `conversation.join ${quick}`)).toHaveLength(1)
  })

  test('says that a room is missing, and joins it when it appears', async () => {
    const server = new ModelServer()
    const id = newId()
    const one = tab(server, id)
    one.line.connect()
    await eventually(() => one.store.missing.current.has(id))
    const room = server.open()
    room.row = { ...room.row, id }
    server.rooms.set(id, room)
    server.publish(id, [['conversation', room.row]])
    await eventually(() => !one.store.missing.current.has(id))
    await eventually(async () => (await cursor(one, id)) === 1)
  })

  test('is tried again while the server cannot', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    let refusals = 2
    server.before = (procedure) => {
      if (procedure === 'conversation.join' && refusals-- > 0)
        throw new ORPCError('UNAVAILABLE', { defined: true, status: 503, data: { what: 'database' } })
    }
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    expect(one.store.missing.current.size).toBe(0)
  })

  test('starts over when the server has less than the store, as after a restored backup', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    for (const text of ['kept', 'lost']) say(server, id, text)
    await eventually(async () => (await cursor(one, id)) === 3)
    one.line.cut()
    const restored = server.reopen(id)
    restored.send(server.person, 'kept', 'note')
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 2)
    expect(await texts(one, id)).toEqual(['kept'])
  })
})

describe('what is missing', () => {
  test('between two frames is pulled', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    server.room(id).send(server.person, 'never broadcast', 'note')
    say(server, id, 'broadcast')
    await eventually(async () => (await cursor(one, id)) === 3)
    expect(await texts(one, id)).toEqual(['never broadcast', 'broadcast'])
  })

  test('is asked for again when the server could not answer, though nothing more happens', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    let refusals = 1
    server.before = (procedure) => {
      if (procedure === 'conversation.pull' && refusals-- > 0)
        throw new ORPCError('UNAVAILABLE', { defined: true, status: 503, data: { what: 'database' } })
    }
    server.room(id).send(server.person, 'never broadcast', 'note')
    say(server, id, 'broadcast')
    await eventually(async () => (await cursor(one, id)) === 3)
    expect(await texts(one, id)).toEqual(['never broadcast', 'broadcast'])
  })

  test('because a revision is in no message is accounted for', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    server.publish(id, server.room(id).rename('A name'))
    await eventually(async () => (await cursor(one, id)) === 2)
    expect((await one.store.db.conversations.get(id))?.title).toBe('A name')
  })

  test('in a live text is brought by joining again', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    const replyId = running(server, id)
    server.publish(id, server.room(id).delta(replyId, 'heard '))
    server.room(id).delta(replyId, 'lost ')
    server.publish(id, server.room(id).delta(replyId, 'heard'))
    await eventually(() => one.store.live.get(replyId) === 'heard lost heard')
    expect(server.calls.filter((call) => call === `conversation.join ${id}`)).toHaveLength(2)
  })

  test('in a live text soon after another is brought, too, though nothing more is said', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const clock = new FakeClock()
    const one = tab(server, id, { clock })
    one.line.connect()
    const within = (condition: () => boolean | Promise<boolean>) =>
      eventually(async () => {
        clock.advance(20)
        return condition()
      })
    await within(async () => (await cursor(one, id)) === 1)
    const replyId = running(server, id)
    const joins = () => server.calls.filter((call) => call === `conversation.join ${id}`).length
    const loseAndHear = () => {
      server.room(id).delta(replyId, 'lost ')
      server.publish(id, server.room(id).delta(replyId, 'heard '))
    }
    loseAndHear()
    await within(() => one.store.live.get(replyId) === 'lost heard ')
    loseAndHear()
    await within(() => one.store.live.get(replyId) === 'lost heard lost heard ')
    expect(joins()).toBe(3)
  })
})

describe('what the model thinks', () => {
  test('is heard as it comes, is brought by joining where it was missed, and stays until its row is there', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const clock = new FakeClock()
    const one = tab(server, id, { clock })
    const late = tab(server, null, { clock })
    one.line.connect()
    late.line.connect()
    const within = (condition: () => boolean | Promise<boolean>) =>
      eventually(async () => {
        clock.advance(20)
        return condition()
      })
    await within(async () => (await cursor(one, id)) === 1)
    const replyId = running(server, id)
    const room = server.room(id)
    server.publish(id, room.think(replyId, '**One** '))
    await within(() => one.store.thoughts.get(replyId) === '**One** ')
    room.think(replyId, 'lost ')
    server.publish(id, room.think(replyId, '**Two**'))
    await within(() => one.store.thoughts.get(replyId) === '**One** lost **Two**')
    late.goTo(id)
    await within(() => late.store.thoughts.get(replyId) === '**One** lost **Two**')
    server.publish(id, room.delta(replyId, 'word'))
    server.publish(id, room.finish(replyId))
    const stored = async (of: Tab) => {
      const row = await of.store.db.messages.get(replyId)
      return row?.kind === 'reply' ? row.thoughts?.text : undefined
    }
    for (const each of [one, late]) {
      await within(async () => (await stored(each)) === '**One** lost **Two**')
      await within(() => each.store.thoughts.get(replyId) === null)
    }
    // A reply that goes on thinks anew.
    server.publish(id, room.resume(replyId))
    server.publish(id, room.begin(replyId))
    server.publish(id, room.think(replyId, 'Again'))
    await within(() => one.store.thoughts.get(replyId) === 'Again')
  })
})

describe('a live text', () => {
  test('is in the store soon, for a reload, and gives way to the final row without getting shorter', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    const replyId = running(server, id)
    const shown: number[] = []
    const stored: number[] = []
    one.store.live.watch(replyId, () => shown.push(one.store.live.get(replyId)?.length ?? -1))
    for (let index = 0; index < 20; index++) {
      server.publish(id, server.room(id).delta(replyId, `word${index} `))
      stored.push((await one.store.db.messages.get(replyId))?.text.length ?? 0)
    }
    const whole = one.store.live.get(replyId)
    await eventually(async () => (await one.store.db.messages.get(replyId))?.text === whole)
    const reloaded = tab(server, id)
    expect((await reloaded.store.db.messages.get(replyId))?.text).toBe(whole ?? '')
    server.publish(id, server.room(id).finish(replyId))
    await eventually(() => one.store.live.get(replyId) === null)
    expect((await one.store.db.messages.get(replyId))?.text).toBe(whole ?? '')
    expect([...shown.slice(0, -1)]).toEqual([...shown.slice(0, -1)].sort((left, right) => left - right))
    expect(stored).toEqual([...stored].sort((left, right) => left - right))
  })

  test.each([true, false])('is in the store within the second where it is seen (%p), and a little later where it is not', async (seen) => {
    const server = new ModelServer()
    const { id } = server.open().row
    const clock = new FakeClock()
    const one = tab(server, id, { clock, sight: { visible: () => seen, onChange: () => () => undefined } })
    one.line.connect()
    const within = (condition: () => boolean | Promise<boolean>, stepMs: number) =>
      eventually(async () => {
        clock.advance(stepMs)
        return condition()
      })
    const stored = async () => (await one.store.db.messages.get(replyId))?.text
    await within(async () => (await cursor(one, id)) === 1, 20)
    const replyId = running(server, id)
    await within(async () => (await stored()) === '', 20)
    server.publish(id, server.room(id).delta(replyId, 'word'))
    await eventually(() => one.store.live.get(replyId) === 'word')
    clock.advance(900)
    // What was to be written before this is written.
    say(server, id, 'later')
    await within(async () => (await texts(one, id)).includes('later'), 1)
    expect(await stored()).toBe(seen ? 'word' : '')
    await within(async () => (await stored()) === 'word', 20)
  })

  test('of a reply that has ended ignores what comes late', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    const replyId = running(server, id)
    const late = server.room(id).delta(replyId, 'late')
    server.publish(id, server.room(id).finish(replyId))
    server.publish(id, late)
    say(server, id, 'after')
    await eventually(async () => (await texts(one, id)).at(-1) === 'after')
    expect(one.store.live.get(replyId)).toBeNull()
  })

  test('goes on from the kept text when a reply is resumed', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 1)
    const room = server.room(id)
    const replyId = running(server, id)
    server.publish(id, room.delta(replyId, 'kept'))
    server.publish(id, room.finish(replyId, 'stopped'))
    server.publish(id, room.resume(replyId))
    server.publish(id, room.begin(replyId))
    server.publish(id, room.delta(replyId, ' and more'))
    await eventually(() => one.store.live.get(replyId) === 'kept and more')
    server.publish(id, room.finish(replyId))
    await eventually(async () => (await one.store.db.messages.get(replyId))?.text === 'kept and more')
  })
})

describe('the list of rooms', () => {
  test('is whole after connecting, live afterwards, and a room that is gone goes', async () => {
    const server = new ModelServer()
    const kept = server.open().row.id
    const one = tab(server)
    const ids = async () => (await conversationsOf(one)).map(({ id }) => id).sort()
    one.line.connect()
    await eventually(async () => (await ids()).includes(kept))
    const later = server.open().row
    server.publish(later.id, [['conversation', later]])
    await eventually(async () => (await ids()).length === 2)
    server.rooms.delete(later.id)
    server.publish(later.id, [['gone', later.id]])
    await eventually(async () => (await ids()).length === 1)
    expect(one.store.missing.current.has(later.id)).toBe(true)
    one.line.cut()
    server.rooms.delete(kept)
    one.line.connect()
    await eventually(async () => (await ids()).length === 0)
  })

  test('holds a removal that overtakes the answer', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    const one = tab(server)
    server.before = (procedure) => {
      if (procedure === 'conversation.list') server.publish(id, [['gone', id]])
    }
    one.line.connect()
    await eventually(() => one.store.connection.current === 'online')
    await eventually(async () => (await conversationsOf(one)).length === 0)
  })
})

describe('the connection', () => {
  test('is announced as offline only after a while, and at once when the browser knows', async () => {
    const server = new ModelServer()
    let network = true
    const one = tab(server, null, { hasNetwork: () => network })
    expect(one.store.connection.current).toBe('connecting')
    one.line.connect()
    await eventually(() => one.store.connection.current === 'online')
    one.line.cut()
    expect(one.store.connection.current).toBe('connecting')
    one.line.connect()
    await eventually(() => one.store.connection.current === 'online')
    network = false
    one.line.cut()
    expect(one.store.connection.current).toBe('offline')
  })

  test('that ends with the session or the version is not mended', async () => {
    const server = new ModelServer()
    let signedOut = 0
    const one = tab(server, null, { onSignedOut: () => signedOut++ })
    const two = tab(server)
    for (const { line } of [one, two]) line.connect()
    await eventually(() => two.store.connection.current === 'online')
    one.line.cut('signedOut')
    expect(signedOut).toBe(1)
    two.line.cut('outdated')
    expect(two.store.outdated.current).toBe(true)
    expect(two.store.connection.current).toBe('offline')
  })

  test('is ended by leaving, with everything that was stored', async () => {
    const server = new ModelServer()
    server.open()
    let signedOut = 0
    let reachable = false
    const one = tab(server, null, { onSignedOut: () => signedOut++, signOut: async () => reachable })
    one.line.connect()
    await eventually(async () => (await one.store.db.conversations.count()) === 1)
    const leave = () => new Promise<boolean>((done) => one.store.requests.send({ kind: 'leave', done }))
    expect(await leave()).toBe(false)
    expect(one.store.connection.current).toBe('online')
    reachable = true
    expect(await leave()).toBe(true)
    expect(signedOut).toBe(1)
    const again = createStore(server.person.id)
    expect(await again.db.conversations.count()).toBe(0)
  })
})

describe('leaving', () => {
  test('deletes the store before the page goes, though the server ends the connection first', async () => {
    const server = new ModelServer()
    server.open()
    const seen: string[] = []
    const answered = Promise.withResolvers<boolean>()
    const one = tab(server, null, { onSignedOut: () => seen.push('gone'), signOut: () => answered.promise })
    one.line.connect()
    await eventually(async () => (await one.store.db.conversations.count()) === 1)
    const left = new Promise<boolean>((done) => one.store.requests.send({ kind: 'leave', done }))
    one.line.cut('signedOut')
    expect(seen).toEqual([])
    answered.resolve(true)
    expect(await left).toBe(true)
    expect(seen).toEqual(['gone'])
    expect(await createStore(server.person.id).db.conversations.count()).toBe(0)
  })

  test('waits no longer than a moment for a tab that sleeps and keeps the store open, and leaves nothing in it', async () => {
    const server = new ModelServer()
    server.open()
    const clock = new FakeClock()
    const one = tab(server, null, { clock })
    one.line.connect()
    await eventually(async () => {
      clock.advance(20)
      return (await one.store.db.conversations.count()) === 1
    })
    // It hears nothing of what the others want.
    const sleeping = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(one.store.db.name)
      request.addEventListener('success', () => resolve(request.result))
      request.addEventListener('error', () => reject(new Error(String(request.error))))
    })
    const left = new Promise<boolean>((done) => one.store.requests.send({ kind: 'leave', done }))
    let done = false
    void left.then(() => (done = true))
    await eventually(() => {
      clock.advance(100)
      return done
    })
    const rows = await new Promise<number>((resolve) => {
      const request = sleeping.transaction('conversations').objectStore('conversations').count()
      request.addEventListener('success', () => resolve(request.result))
    })
    expect(rows).toBe(0)
    sleeping.close()
  })

  test('ends the other tabs of the browser, also those without a connection', async () => {
    const server = new ModelServer()
    server.open()
    let ended = 0
    const one = tab(server)
    const two = tab(server, null, { onSignedOut: () => ended++ })
    for (const { line } of [one, two]) line.connect()
    await eventually(async () => (await two.store.db.conversations.count()) === 1 && two.store.connection.current === 'online')
    two.line.cut()
    expect(await new Promise<boolean>((done) => one.store.requests.send({ kind: 'leave', done }))).toBe(true)
    await eventually(() => ended === 1)
    expect(two.line.state).toBe('closed')
    expect(two.store.db.isOpen()).toBe(false)
  })
})

describe('earlier messages', () => {
  test('are brought page by page on request, also when it was made without a connection', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    for (let index = 0; index < 120; index++) server.room(id).send(server.person, `n${index}`, 'note')
    const one = tab(server, id)
    one.line.connect()
    await eventually(async () => (await cursor(one, id)) === 121)
    one.store.requests.send({ kind: 'earlier', conversationId: id, limit: 50 })
    await eventually(async () => (await texts(one, id)).length === 100)
    one.line.cut()
    one.store.requests.send({ kind: 'earlier', conversationId: id, limit: 50 })
    one.line.connect()
    await eventually(async () => (await texts(one, id)).length === 120)
    expect(await one.store.db.rooms.get(id)).toMatchObject({ complete: true, oldest: 2 })
  })

  test('are asked for again when the server could not bring them, on the same connection', async () => {
    const server = new ModelServer()
    const { id } = server.open().row
    for (let index = 0; index < 80; index++) server.room(id).send(server.person, `n${index}`, 'note')
    const clock = new FakeClock()
    const one = tab(server, id, { clock, random: () => 1 })
    one.line.connect()
    await eventually(async () => {
      clock.advance(20)
      return (await cursor(one, id)) === 81 && one.store.connection.current === 'online'
    })
    let asked = 0
    server.before = (procedure) => {
      if (procedure === 'conversation.history' && ++asked < 3) throw new ORPCError('UNAVAILABLE', { defined: true, data: {} })
    }
    one.store.requests.send({ kind: 'earlier', conversationId: id, limit: 50 })
    await eventually(async () => {
      clock.advance(100)
      return (await texts(one, id)).length === 80
    })
    expect(asked).toBe(3)
  })
})
