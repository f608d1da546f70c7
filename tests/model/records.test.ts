import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { LIMITS, type Message, newId, type Person } from '#contract'
import * as arrangements from '../../server/database/arrangements.ts'
import * as branching from '../../server/database/branching.ts'
import * as conversations from '../../server/database/conversations.ts'
import * as copying from '../../server/database/copying.ts'
import * as finishing from '../../server/database/finishing.ts'
import * as listing from '../../server/database/listing.ts'
import * as messages from '../../server/database/messages.ts'
import type { Db } from '../../server/database/open.ts'
import * as operations from '../../server/database/operations.ts'
import * as people from '../../server/database/people.ts'
import * as presence from '../../server/database/presence.ts'
import * as replies from '../../server/database/replies.ts'
import * as resuming from '../../server/database/resuming.ts'
import { member, person } from '../../server/database/schema.ts'
import * as sending from '../../server/database/sending.ts'
import * as settings from '../../server/database/settings.ts'
import * as titles from '../../server/database/titles.ts'
import * as usage from '../../server/database/usage.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import * as memory from './memory-records.ts'

/*
 * The records in memory that the model checker runs on, and those of the real embedded database: the same calls have to have the same answers.
 */
const sql = {
  ...arrangements,
  ...branching,
  ...copying,
  ...conversations,
  ...finishing,
  ...listing,
  ...messages,
  ...operations,
  ...people,
  ...presence,
  ...replies,
  ...resuming,
  ...sending,
  ...settings,
  ...titles,
  ...usage,
}
type Records = Pick<typeof sql, Name>
type Name = Exclude<keyof typeof memory, 'Memory' | 'memoryDb' | 'addPerson' | 'addMember' | 'toMessage' | 'keptOf'>

type Place = {
  readonly records: Records
  readonly db: Db
  person(kind: Person['kind'], name: string): Promise<Person>
  join(conversationId: string, who: Person, role: 'participant' | 'viewer'): Promise<void>
}

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase('embedded')
}, 60_000)
afterAll(() => database?.remove())

function inMemory(): Place {
  const tables = new memory.Memory()
  return {
    records: memory,
    db: memory.memoryDb({ run: async (work) => work(tables), peek: () => tables }),
    async person(kind, name) {
      const made = { id: newId(), name, kind }
      memory.addPerson(tables, made)
      return made
    },
    async join(id, who, role) {
      memory.addMember(tables, id, who.id, role)
    },
  }
}

function embedded(): Place {
  const { db } = database
  return {
    records: sql,
    db,
    async person(kind, name) {
      const made = { id: newId(), name, kind }
      await db.insert(person).values(made)
      return made
    },
    async join(conversationId, { id: personId }, role) {
      await db.insert(member).values({ conversationId, personId, role, changed: conversations.thisTransaction })
    },
  }
}

/** The same steps in both places; what they say is compared, with ids and times by the order of their appearance. */
function alike(name: string, steps: (place: Place, say: (value: unknown) => void) => Promise<void>): void {
  test(name, async () => {
    const said = async (place: Place) => {
      const words: unknown[] = []
      await steps(place, (value) => words.push(structuredClone(value)))
      return named(words)
    }
    const [here, there] = [await said(inMemory()), await said(embedded())]
    expect(here.length).toBeGreaterThan(0)
    expect(here).toEqual(there)
  })
}

function named(words: unknown[]): unknown[] {
  const ids = new Map<string, string>()
  const text = JSON.stringify(words, (key, value: unknown) => {
    if (/(At|_at)$/.test(key) && value !== null) return 'a time'
    // A transaction's number is the database's own.
    if (key === 'changed' || key === 'cursor') return 'a transaction'
    // Drivers have the columns of a row in different orders.
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
  })
  const id = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g
  const list: unknown = JSON.parse(text.replace(id, (found) => ids.get(found) ?? (ids.set(found, `id ${ids.size}`), `id ${ids.size - 1}`)))
  return Array.isArray(list) ? list : []
}

async function room({ records, db, person, join }: Place) {
  const [ada, ben, eve] = [await person('member', 'Ada'), await person('member', 'Ben'), await person('guest', 'Eve')]
  const id = newId()
  await records.create(db, ada, id, {})
  await join(id, ben, 'participant')
  await join(id, eve, 'viewer')
  return { id, ada, ben, eve }
}

/** Whoever came in the same moment is in any order. */
async function roster({ records, db }: Place, id: string): Promise<presence.Roster> {
  const { count, members } = await records.readRoster(db, id)
  return { count, members: members.toSorted((left, right) => (left.person.name < right.person.name ? -1 : 1)) }
}

const prompt = (conversationId: string, text = 'a question') => ({
  id: newId(),
  conversationId,
  text,
  kind: 'prompt' as const,
  replyId: newId(),
})
const ended = {
  state: 'complete',
  text: 'an answer',
  model: 'model-1',
  usage: null,
  failure: null,
  truncated: false,
  stoppedBy: null,
} as const

describe('the records in memory are those of the database', () => {
  alike('creating, again, and by somebody else', async (place, say) => {
    const { records, db } = place
    const { ada, ben } = await room(place)
    const id = newId()
    const fields = { title: 'A room', instructions: 'be kind', model: 'x', answer: 'mention' as const }
    say(await records.create(db, ada, id, fields))
    say(await records.create(db, ada, id, { title: 'Another' }))
    say(await records.create(db, ben, id, {}))
  })

  alike('changing fields: to others, to the same, as a viewer, as a stranger', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben, eve } = await room(place)
    const stranger = await place.person('member', 'Zoe')
    for (const who of [ben, ben, eve, stranger]) say(await records.update(db, who.id, id, { title: 'A name', model: null }))
    say(await records.update(db, ben.id, id, { answer: 'mention', instructions: 'short' }))
    for (const who of [ben, ada, ada]) say(await records.update(db, who.id, id, { guestsAsk: false, dayTokens: 5 }))
  })

  alike('removing: not as a participant, as the owner, and once more', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben } = await room(place)
    const waiting = prompt(id)
    await records.send(db, ben, waiting)
    for (const who of [ben, ada, ada]) {
      const removed = await records.remove(db, who.id, id)
      say(
        'members' in removed
          ? { ...removed, members: [...removed.members].sort((left, right) => (left === ada.id ? -1 : right === ada.id ? 1 : 0)).length }
          : removed,
      )
    }
    say(await records.reach(db, id, ada.id))
    say(await records.findQueued(db, waiting.replyId))
    say(await records.create(db, ada, id, {}))
    say(await records.send(db, ada, prompt(id)))
    say((await records.current(db, id))?.conversation)
  })

  alike('reaching a room, a reply and the people', async (place, say) => {
    const { records, db } = place
    const { id, ada, eve } = await room(place)
    const stranger = await place.person('member', 'Zoe')
    const asked = prompt(id)
    await records.send(db, ada, asked)
    for (const who of [ada, eve, stranger]) {
      const found = await records.reach(db, id, who.id)
      say(found && { role: found.role, room: records.toConversation(found.row) })
      say(await records.reachReply(db, who.id, asked.replyId))
      say(await records.reachReply(db, who.id, asked.id))
    }
    for (const one of [id, newId()]) say(await roster(place, one))
    say(await records.current(db, newId()))
  })

  alike('sending: a prompt, a note, again, with a taken id, as a viewer, as a stranger, unasked, and too many', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben, eve } = await room(place)
    const stranger = await place.person('member', 'Zoe')
    const first = prompt(id, '  The first\nline, which becomes the title ')
    const members = (sent: sending.Sent) =>
      sent.kind === 'sent' && sent.change ? { ...sent, change: { ...sent.change, members: sent.change.members.length } } : sent
    say(members(await records.send(db, ada, first)))
    say(members(await records.send(db, ada, first)))
    say(await records.send(db, ben, first))
    say(await records.send(db, ben, { ...prompt(id), replyId: first.replyId }))
    say(members(await records.send(db, ben, { ...prompt(id, 'a note'), kind: 'note' })))
    const second = prompt(id, 'a second one')
    say(members(await records.send(db, ada, second)))
    // A prompt that names its reply by its own id, and a note, which has none.
    const own = prompt(id, 'itself')
    say(members(await records.send(db, ada, { ...own, replyId: own.id })))
    say(members(await records.send(db, ada, { ...own, replyId: own.id, kind: 'note' })))
    // An id that is known, beside the reply of another prompt.
    say(await records.send(db, ada, { ...first, replyId: second.replyId }))
    say(await records.send(db, eve, prompt(id)))
    say(await records.send(db, stranger, prompt(id)))
    say(await records.send(db, ada, prompt(newId())))
    await records.update(db, ada.id, id, { answer: 'mention' })
    say(members(await records.send(db, ada, prompt(id, 'nobody is asked'))))
    say(members(await records.send(db, ada, prompt(id, 'now @gemini is'))))
    await records.update(db, ada.id, id, { answer: 'always' })
    for (let index = 0; index < LIMITS.queuedReplies; index++) {
      const { kind } = await records.send(db, ada, prompt(id))
      say(kind)
    }
    say((await records.send(db, ada, { ...prompt(id), kind: 'note' })).kind)
    say(await roster(place, id))
  })

  alike('guests, who may ask or may not: prompts, notes, mentions, going on', async (place, say) => {
    const { records, db } = place
    const { id, ada } = await room(place)
    const guest = await place.person('guest', 'Gil')
    await place.join(id, guest, 'participant')
    const asked = prompt(id)
    say((await records.send(db, guest, asked)).kind)
    await records.finish(db, { id: asked.replyId, conversationId: id }, { ...ended, state: 'stopped' }, 'Model')
    await records.update(db, ada.id, id, { guestsAsk: false })
    const revision = (await records.readReply(db, asked.replyId))?.revision ?? 0
    say(await records.requeue(db, guest, asked.replyId, revision))
    const own = prompt(id)
    for (const one of [prompt(id), { ...own, replyId: own.id }, { ...prompt(id), kind: 'note' as const }]) {
      say((await records.send(db, guest, one)).kind)
    }
    await records.update(db, ada.id, id, { answer: 'mention' })
    for (const text of ['to you all', '@gemini, you']) say((await records.send(db, guest, prompt(id, text))).kind)
    const again = await records.requeue(db, ada, asked.replyId, revision)
    say(again.kind === 'queued' && again.reply)
    say(await records.openReplies(db).then((open) => open.filter(({ conversationId }) => conversationId === id)))
  })

  alike('what is read and who was here: never back, for nobody who is not there', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben } = await room(place)
    const stranger = await place.person('member', 'Zoe')
    const reads = (...counts: [Person, number][]) => counts.map(([who, count]) => ({ conversationId: id, personId: who.id, count }))
    const seen = (who: Person, atMs: number) => [{ personId: who.id, atMs }]
    const times = async () => (await roster(place, id)).members.map(({ seenAt: at, read, person: { name } }) => ({ name, read, seen: at }))
    await records.writePresence(db, reads([ada, 3], [ben, 1], [stranger, 9]), seen(ada, 2_000))
    say(await times())
    const first = await records.list(db, ada.id, null)
    await records.writePresence(db, reads([ada, 2], [ben, 2]), [...seen(ada, 1_000), ...seen(ben, 3_000)])
    say(await times())
    // What others have read is not this person's news.
    say((await records.list(db, ada.id, first.cursor)).memberships.filter(({ read }) => read !== 3))
    await records.writePresence(db, reads([ada, 4]), [])
    say((await records.list(db, ada.id, first.cursor)).memberships)
    await records.remove(db, ada.id, id)
    say(await times())
  })

  alike(
    'versions: a prompt said otherwise, a reply given anew, one shown again, all of it repeated, and not by everybody',
    async (place, say) => {
      const { records, db } = place
      const { id, ada, ben, eve } = await room(place)
      const stranger = await place.person('member', 'Zoe')
      const told = <T extends { kind: string }>(result: T & { change?: conversations.Change | null }) =>
        result.change ? { ...result, change: { ...result.change, members: result.change.members.length } } : result
      const asked = prompt(id, 'a first question')
      await records.send(db, ada, asked)
      await records.send(db, ben, { ...prompt(id, 'a note'), kind: 'note' })
      const later = prompt(id, 'a later one')
      await records.send(db, ben, later)
      for (const who of [ada, stranger]) say(await records.roomOfMessage(db, who.id, asked.id))
      const edited = { id: newId(), conversationId: id, of: asked.id, text: 'asked otherwise', replyId: newId() }
      for (const who of [ben, eve, stranger, ada, ada]) say(told(await records.edit(db, who, edited)))
      for (const wrong of [
        { ...edited, id: newId() },
        { ...edited, of: later.id },
        { ...edited, id: newId(), replyId: newId(), of: asked.replyId },
        { ...edited, id: asked.id },
      ])
        say(told(await records.edit(db, ada, wrong)))
      const again = { conversationId: id, of: asked.replyId, replyId: newId(), model: 'another' }
      for (const who of [eve, stranger, ben, ben]) say(told(await records.regenerate(db, who, again)))
      for (const wrong of [
        { ...again, of: asked.id },
        { ...again, replyId: again.of },
        { ...again, replyId: edited.replyId },
      ])
        say(told(await records.regenerate(db, ada, wrong)))
      say(await records.findQueued(db, again.replyId))
      say(await records.path(db, again.replyId, { steps: 10, units: 1000 }))
      const operation = newId()
      for (const one of [edited.id, asked.id, asked.replyId, later.id, newId()])
        for (const who of [eve, stranger, ben, ben]) say(told(await records.select(db, who, { id: one, conversationId: id })))
      say(told(await records.select(db, ben, { id: edited.id, conversationId: id, operation })))
      say(told(await records.select(db, ada, { id: asked.id, conversationId: id })))
      say(told(await records.select(db, ben, { id: edited.id, conversationId: id, operation })))
      for (let left = LIMITS.queuedReplies; left > 0; left--)
        say((await records.regenerate(db, ada, { ...again, replyId: newId(), model: undefined })).kind)
      await records.update(db, ada.id, id, { answer: 'mention' })
      const unasked = { ...edited, id: newId(), replyId: newId(), text: 'nobody is asked' }
      say(told(await records.edit(db, ada, unasked)))
      say((await records.edit(db, ada, { ...unasked, id: newId(), text: '@gemini is' })).kind)
      say(await roster(place, id))
    },
  )

  alike('copying a path into a room of one’s own, and again', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben } = await room(place)
    const asked = prompt(id, 'a question')
    await records.send(db, ada, asked)
    await records.finish(db, { id: asked.replyId, conversationId: id }, { ...ended, thoughts: { text: 'Well…', ms: 5 } }, 'Model')
    await records.send(db, ben, { ...prompt(id, 'a note'), kind: 'note' })
    const second = prompt(id, 'of Ben')
    await records.send(db, ben, second)
    const found = await records.reach(db, id, ben.id)
    if (!found) throw new Error('the room is not there')
    const live = [{ id: second.replyId, text: 'so f\ud800ar', thoughts: 'first, …' }]
    for (const [toId, thoughts] of [
      [asked.replyId, true],
      [second.replyId, true],
      [second.replyId, false],
      [null, true],
    ] as const) {
      const made = newId()
      const copying = { id: made, from: found.row, toId, live, thoughts, fields: { instructions: 'briefly' } }
      for (let times = 0; times < 2; times++) {
        const copied = await records.copy(db, ben, copying, 'Model')
        // What is new has ids of the server's own.
        say(copied && { room: { ...copied.conversation, headId: null }, members: copied.change?.members })
      }
      const copied = (await records.changedSince(db, made, 0, 50)).messages
      say(copied.map((row) => ({ ...row, id: copied.indexOf(row), parentId: copied.findIndex((one) => one.id === row.parentId) })))
      say((await records.current(db, made))?.conversation.headId === (copied.at(-1)?.id ?? null))
      say(await records.copy(db, ada, copying, 'Model'))
    }
  })

  alike('what replies have cost, and whom', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben } = await room(place)
    const owner = { ...ben, kind: 'owner' as const }
    const costs = async (by: Person, room: string, model: string | null) => {
      const asked = prompt(room)
      await records.send(db, by, asked)
      const used = { prompt: 1, output: 2, thoughts: 1, total: 4 }
      await records.finish(db, { id: asked.replyId, conversationId: room }, { ...ended, model, usage: used }, 'Model')
      return asked.replyId
    }
    const other = newId()
    await records.create(db, ada, other, { title: 'Of Ada alone', model: 'model-2', dayTokens: 7 })
    const replies = [await costs(ada, id, null), await costs(ada, id, 'model-1'), await costs(ada, id, 'model-1')]
    replies.push(await costs(ben, id, 'model-1'), await costs(ada, other, null))
    const again = prompt(id)
    await records.send(db, ada, again)
    for (const [index, [model, used]] of (
      [
        ['model-1', { prompt: 5, output: 3, thoughts: 1, total: 8 }],
        ['model-2', { prompt: 7, output: 1, thoughts: 0, total: 9 }],
        [null, { prompt: 9, output: 1, thoughts: 0, total: 10 }],
        [null, null],
      ] as const
    ).entries()) {
      const outcome = { ...ended, state: 'failed' as const, model, usage: used }
      await records.finish(db, { id: again.replyId, conversationId: id }, outcome, 'Model', new Date(index))
      const now = await records.readReply(db, again.replyId)
      say([now?.model, now?.usage])
      await records.requeue(db, ben, again.replyId, now?.revision ?? 0)
    }
    const today = records.dayOf(Date.now())
    for (const reply of [...replies, newId()]) say(await records.spendingOf(db, reply, today))
    say(await records.spendingOf(db, replies[0] ?? '', '2026-01-01'))
    for (const day of [today, '9999-12-31']) {
      for (const reader of [ada, ben, owner]) {
        const { rows, more } = await records.usageSince(db, reader, day)
        // The embedded database has the rows of the other tests, too; and ids made in one moment come in any order.
        const mine = rows.filter(({ conversation }) => [id, other].includes(conversation.id)).map((row) => ({ ...row, day: 'a day' }))
        say([more, mine.toSorted((left, right) => (`${left.person.name} ${left.model}` < `${right.person.name} ${right.model}` ? -1 : 1))])
      }
    }
    for (const at of [0, 86_399_999, 86_400_000, 1_767_225_600_001]) say([records.dayOf(at), records.dayEnd(at)])
  })

  alike('a title is looked for once, paid for from then on, and given to a room that still wants one', async (place, say) => {
    const { records, db } = place
    const { ada } = await room(place)
    const thought = {
      day: records.dayOf(Date.now()),
      personId: ada.id,
      model: 'model-1',
      usage: { prompt: 9, output: 0, thoughts: 0, total: 9 },
    }
    const spent = async (id: string) =>
      (await records.usageSince(db, ada, thought.day)).rows
        .filter(({ conversation }) => conversation.id === id)
        .map(({ calls, model, total }) => [calls, model, total])
        .toSorted()
    for (const meanwhile of [{}, { title: 'Chosen' }]) {
      const id = newId()
      await records.create(db, ada, id, {})
      const first = prompt(id)
      await records.send(db, ada, first)
      say((await records.finish(db, { id: first.replyId, conversationId: id }, ended, 'Model'))?.untitled)
      const second = prompt(id)
      await records.send(db, ada, second)
      say((await records.finish(db, { id: second.replyId, conversationId: id }, ended, 'Model'))?.untitled)
      const claim = newId()
      for (const one of [claim, claim, newId()]) say([await records.claimTitle(db, id, one, thought), await spent(id)])
      await records.update(db, ada.id, id, meanwhile)
      const cost = 'title' in meanwhile ? null : { ...thought, model: 'model-2', usage: { ...thought.usage, total: 4 } }
      const end = newId()
      for (const one of [end, end]) say((await records.giveTitle(db, id, one, { title: 'Found', thought, cost }))?.conversation.title)
      say([await spent(id), (await records.current(db, id))?.conversation.title])
      const third = prompt(id)
      await records.send(db, ada, third)
      say((await records.finish(db, { id: third.replyId, conversationId: id }, ended, 'Model'))?.untitled)
    }
    say(await records.claimTitle(db, newId(), newId(), thought))
  })

  alike('the budget that the owner has set', async ({ records, db }, say) => {
    say(await records.readBudget(db))
    for (const personDayTokens of [5, null]) {
      await records.writeBudget(db, { personDayTokens, roomDayTokens: 7, serverDayTokens: 9, guestsDayTokens: 8, personMinuteRequests: 2 })
      say(await records.readBudget(db))
    }
  })

  alike('the life of a reply: begun, deferred, ended, and nothing of it twice', async (place, say) => {
    const { records, db } = place
    const { id, ada } = await room(place)
    const asked = prompt(id)
    const ref = { id: asked.replyId, conversationId: id }
    const told = (change: conversations.Change | null) => change && { ...change, members: change.members.length }
    await records.send(db, ada, asked)
    say(await records.findQueued(db, ref.id))
    say(told(await records.begin(db, ref)))
    say(told(await records.begin(db, ref)))
    say(await records.findQueued(db, ref.id))
    say(told(await records.defer(db, ref, { failure: { code: 'rate_limited', retryAfterMs: 5 }, retryAt: new Date() })))
    for (let times = 0; times < 2; times++) {
      await records.putBack(db, ref)
      say((await records.byIds(db, [ref.id])).map(({ message }) => message))
      say(await records.findQueued(db, ref.id))
      say((await records.current(db, id))?.conversation)
    }
    say(told(await records.begin(db, ref)))
    say(told(await records.finish(db, ref, { ...ended, usage: { prompt: 1, output: 2, thoughts: 0, total: 3 } }, 'Model')))
    say(told(await records.finish(db, ref, ended, 'Model')))
    say(told(await records.defer(db, ref, { failure: { code: 'internal' }, retryAt: new Date() })))
    say(await records.readReply(db, ref.id))
    say(await records.readReply(db, asked.id))
    // In a room that was removed meanwhile nothing waits any more.
    const last = prompt(id)
    await records.send(db, ada, last)
    await records.begin(db, { id: last.replyId, conversationId: id })
    await records.remove(db, ada.id, id)
    await records.putBack(db, { id: last.replyId, conversationId: id })
    const left = await records.readReply(db, last.replyId)
    say(left)
    expect(left?.state).toBe('stopped')
    say((await records.current(db, id))?.conversation)
    say(told(await records.begin(db, { id: newId(), conversationId: newId() })))
  })

  alike(
    'going on: with the row that was seen, with an older one, of what has ended well, as a viewer, as a stranger',
    async (place, say) => {
      const { records, db } = place
      const { id, ada, eve } = await room(place)
      const stranger = await place.person('member', 'Zoe')
      const asked = prompt(id)
      const ref = { id: asked.replyId, conversationId: id }
      const told = (result: resuming.Requeued) =>
        'change' in result && result.change ? { ...result, change: { ...result.change, members: result.change.members.length } } : result
      await records.send(db, ada, asked)
      await records.begin(db, ref)
      await records.finish(db, ref, { ...ended, state: 'stopped', text: 'half an', stoppedBy: ada }, 'Model', new Date(1_000))
      const stopped = await records.readReply(db, ref.id)
      const revision = stopped?.revision ?? 0
      say(stopped)
      for (const who of [eve, stranger]) say(await records.requeue(db, who, ref.id, revision))
      const again = told(await records.requeue(db, ada, ref.id, revision))
      say(again)
      say(told(await records.requeue(db, ada, ref.id, revision)))
      // The newest row, and nothing to go on from: it waits already, and then it runs.
      say(told(await records.requeue(db, ada, ref.id, 'reply' in again ? again.reply.revision : 0)))
      await records.begin(db, ref)
      say(told(await records.requeue(db, ada, ref.id, (await records.readReply(db, ref.id))?.revision ?? 0)))
      say(await records.findQueued(db, ref.id))
      await records.finish(db, ref, { ...ended, text: null, truncated: true }, 'Model', new Date(2_000))
      const cut = (await records.readReply(db, ref.id))?.revision ?? 0
      say(told(await records.requeue(db, ada, ref.id, cut)))
      // The end before, said once more, is not the end of what was asked for since.
      say(await records.finish(db, ref, ended, 'Model', new Date(2_000)))
      await records.finish(db, ref, ended, 'Model', new Date(3_000))
      say(await records.requeue(db, ada, ref.id, (await records.readReply(db, ref.id))?.revision ?? 0))
      say(await records.requeue(db, ada, asked.id, 2))
      say(await records.requeue(db, ada, newId(), 2))
    },
  )

  alike('pages of changes, of older messages, the path to a reply, and what is open', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben } = await room(place)
    const asked = Array.from({ length: 4 }, (_, index) => prompt(id, `question ${index}`))
    for (const [index, one] of asked.entries()) await records.send(db, index % 2 === 0 ? ada : ben, one)
    await records.send(db, ben, { ...prompt(id, 'a note'), kind: 'note' })
    for (const one of asked.slice(0, 2)) await records.finish(db, { id: one.replyId, conversationId: id }, ended, 'Model')
    const texts = ({ messages: rows, more }: messages.Page) => ({
      more,
      rows: rows.map((row: Message) => [row.kind, row.position, row.revision, row.text]),
    })
    for (const limit of [1, 3, 50]) for (const from of [0, 4, 99]) say(texts(await records.changedSince(db, id, from, limit)))
    for (const limit of [1, 3, 50]) for (const before of [0, 5, 99]) say(texts(await records.before(db, id, before, limit)))
    for (const steps of [0, 2, 99]) say(await records.path(db, asked[3]?.replyId ?? '', { steps, units: 1_000 }))
    for (const units of [0, 12, 30]) say(await records.path(db, asked[3]?.replyId ?? '', { steps: 99, units }))
    const beyond = [0, 2, 99].map((most) => records.countBeyond(db, asked[3]?.replyId ?? '', 2, most))
    const [none, two, all] = await Promise.all(beyond)
    expect([none, two]).toEqual([1, 3])
    expect(all).toBeGreaterThan(3)
    say(all)
    say((await records.openReplies(db)).filter((reply) => reply.conversationId === id))
    say((await records.byIds(db, [asked[0]?.id ?? '', newId()])).map(({ message }) => message))
  })

  alike('pages of long texts, in both directions, and a path of characters that are two units', async (place, say) => {
    const { records, db } = place
    const { id, ada } = await room(place)
    const texts = ['𠮷'.repeat(30_000), 'b'.repeat(39_999), 'c', 'd', 'e'.repeat(100_001), 'f']
    const asked = texts.map((text) => ({ ...prompt(id, text), kind: 'note' as const }))
    for (const one of asked) await records.send(db, ada, one)
    const shown = ({ messages: rows, more }: messages.Page) => [more, ...rows.map((row: Message) => [row.position, row.text.length])]
    for (const from of [0, 1, 3, 5]) say(shown(await records.changedSince(db, id, from, 10)))
    for (const before of [99, 7, 5, 3]) say(shown(await records.before(db, id, before, 10)))
    const last = prompt(id, '𠮷𠮷𠮷𠮷')
    const next = prompt(id, 'and')
    for (const one of [last, next]) await records.send(db, ada, one)
    for (const units of [2, 3, 4, 8]) say(await records.path(db, next.id, { steps: 9, units }))
  })

  alike(
    'keeping a room: each their own, again, with a call of before, as a viewer, as a stranger, and of a room that is gone',
    async (place, say) => {
      const { records, db } = place
      const { id, ada, ben, eve } = await room(place)
      const stranger = await place.person('member', 'Zoe')
      const { cursor } = await records.list(db, ada.id, null)
      const [pinning, naming] = [newId(), newId()]
      say(await records.arrange(db, ada.id, id, { pin: 1.5, tags: ['travel', 'with Ben'] }, pinning))
      say(await records.arrange(db, ada.id, id, { archived: true, pin: null }))
      // The first call once more: what was set since stays.
      say(await records.arrange(db, ada.id, id, { pin: 1.5, tags: ['travel', 'with Ben'] }, pinning))
      for (const fields of [{}, { tags: [] }, { pin: -1024 }]) say(await records.arrange(db, ada.id, id, fields, newId()))
      say(await records.arrange(db, eve.id, id, { tags: ['read'] }))
      // Carried out as another call, by somebody who has never kept the room.
      await records.update(db, ben.id, id, { title: 'A name' }, naming)
      say(await records.arrange(db, ben.id, id, { pin: 3 }, naming))
      for (const [who, of] of [
        [stranger, id],
        [ada, newId()],
      ] as const)
        say(await records.arrange(db, who.id, of, { pin: 1 }, newId()))
      for (const who of [ada, ben, eve, stranger])
        for (const since of [null, cursor]) say((await records.list(db, who.id, since)).arrangements)
      await records.remove(db, ada.id, id)
      say(await records.arrange(db, ada.id, id, { pin: 2 }))
      say((await records.list(db, ada.id, null)).arrangements)
    },
  )

  alike('what rooms begin with that a person makes', async (place, say) => {
    const { records, db } = place
    const ada = await place.person('member', 'Ada')
    say(await records.readDefaults(db, ada.id))
    say(await records.writeDefaults(db, ada.id, { model: 'gemini-next', instructions: 'Be brief.' }))
    say(await records.writeDefaults(db, ada.id, { model: null }))
    say(await records.writeDefaults(db, ada.id, {}))
    say(await records.readDefaults(db, ada.id))
  })

  alike('a list of rooms with long texts, page by page', async (place, say) => {
    const { records, db } = place
    const ada = await place.person('member', 'Ada')
    const ids = Array.from({ length: 60 }, () => newId())
    const instructions = 'x'.repeat(LIMITS.instructionsLength)
    for (const [index, one] of ids.entries()) await records.create(db, ada, one, index % 2 === 0 ? { instructions } : {})
    let since: string | null = null
    for (;;) {
      const answer: listing.Listing = await records.list(db, ada.id, since)
      say([answer.complete, answer.more, answer.conversations.map((row) => ids.indexOf(row.id))])
      if (!answer.more) break
      since = answer.cursor
    }
  })

  alike('the list of rooms: whole, since a cursor, of a room that was removed or joined meanwhile', async (place, say) => {
    const { records, db } = place
    const { id, ada, ben } = await room(place)
    const [kept, removed] = [newId(), newId()]
    for (const one of [kept, removed]) await records.create(db, ada, one, {})
    const titles = (answer: listing.Listing) => ({
      ...answer,
      conversations: answer.conversations.map(({ id: of, deleted }) => [of, deleted]),
    })
    const first = await records.list(db, ada.id, null)
    say(titles(first))
    await records.remove(db, ada.id, removed)
    await records.update(db, ada.id, kept, { title: 'changed' })
    const second = await records.list(db, ada.id, first.cursor)
    say(titles(second))
    say((await records.list(db, ada.id, second.cursor)).conversations.length <= 1)
    say(titles(await records.list(db, ada.id, null)))
    const before = await records.list(db, ben.id, null)
    say(titles(before))
    await place.join(kept, ben, 'participant')
    say(titles(await records.list(db, ben.id, before.cursor)))
    for (const odd of ['no cursor', '9999999999999999999']) say(titles(await records.list(db, ben.id, odd)))
    say(id)
  })
})
