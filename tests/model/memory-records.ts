import {
  addressesModel,
  type Arrangement,
  type Author,
  type Budget,
  type Conversation,
  type Defaults,
  isOpen,
  LIMITS,
  newId,
  type Message,
  type Person,
  preview,
  storable,
  type Reply,
  type Role,
  together,
  type Usage,
  type UsageRow,
} from '#contract'
import type * as arrangements from '../../server/database/arrangements.ts'
import type * as branching from '../../server/database/branching.ts'
import type * as conversations from '../../server/database/conversations.ts'
import type * as copying from '../../server/database/copying.ts'
import type { Db } from '../../server/database/door.ts'
import type * as finishing from '../../server/database/finishing.ts'
import type * as listing from '../../server/database/listing.ts'
import type * as messages from '../../server/database/messages.ts'
import type * as operations from '../../server/database/operations.ts'
import type * as people from '../../server/database/people.ts'
import type * as presence from '../../server/database/presence.ts'
import type * as replies from '../../server/database/replies.ts'
import type * as resuming from '../../server/database/resuming.ts'
import type * as sending from '../../server/database/sending.ts'
import type * as settings from '../../server/database/settings.ts'
import type * as titles from '../../server/database/titles.ts'
import type * as usage from '../../server/database/usage.ts'

/*
 * What the procedures and the replies ask of the database, over maps, and each function one step: this is what a transaction with its row lock
 * comes to. tests/model/records.test.ts holds it to what the real ones do. The functions stand in for all
 * files of server/database that speak SQL; what is not here, no schedule asks for.
 */
/** Where pages end; the same as in messages.ts and listing.ts. */
const PAGE_UNITS = 100_000
const LIST_UNITS = 200_000
const LIST_ROW_UNITS = 500
const DAY_MS = 24 * 60 * 60 * 1000

type Place = { readonly role: Role; read: number; readonly joinedAtMs: number; changed: bigint }
type Kept = Arrangement & { readonly changed: bigint }
type Room = {
  row: conversations.ConversationRow
  readonly members: Map<string, Place>
  /** How each person keeps it, by their id. */
  readonly kept: Map<string, Kept>
}
type Used = Omit<UsageRow, 'person' | 'conversation'> & { readonly personId: string; readonly conversationId: string }
type MessageRow = messages.MessageRow

/** The tables of one database. */
export class Memory {
  readonly people = new Map<string, Person>()
  readonly rooms = new Map<string, Room>()
  readonly messages = new Map<string, MessageRow>()
  readonly seenAt = new Map<string, number>()
  /** Carried out, by id. */
  readonly operations = new Set<string>()
  readonly usage = new Map<string, Used>()
  readonly defaults = new Map<string, Defaults>()
  /** Whether rooms that nobody names have a title looked for. */
  titles = true
  budget: Budget | null = null
  /** How often a reply was put back into the queue. */
  readonly requeued = new Map<string, number>()
  transaction = 1n

  rowsOf(conversationId: string): MessageRow[] {
    return [...this.messages.values()].filter((row) => row.conversationId === conversationId)
  }
}

/**
 * The way to a database: `run` carries out one transaction. `peek` reads without chance or failure: beside it something is read that may fail, and the
 * schedules that are kept were found before there was anything more to read.
 */
export type Handle = { run<T>(work: (memory: Memory) => T): Promise<T>; readonly peek: () => Memory }

const handles = new WeakMap<object, Handle>()

/** What the functions below take as a database. Nothing else of drizzle's is there. */
export function memoryDb(handle: Handle): Db {
  const db = {}
  handles.set(db, handle)
  return db as Db
}

function transaction<T>(db: object, work: (memory: Memory) => T): Promise<T> {
  const handle = handles.get(db)
  if (!handle) throw new Error('not a database in memory')
  return handle.run(work)
}

/** A person, and a room with members, as the tests begin with them. */
export function addPerson(memory: Memory, person: Person): void {
  memory.people.set(person.id, person)
}

export function addMember(memory: Memory, conversationId: string, personId: string, role: Role): void {
  memory.rooms.get(conversationId)?.members.set(personId, { role, read: 0, joinedAtMs: Date.now(), changed: memory.transaction++ })
}

export const toConversation: typeof conversations.toConversation = (row) => ({
  id: row.id,
  revision: row.revision,
  title: row.title,
  model: row.model,
  instructions: row.instructions,
  temperature: row.temperature,
  thinking: row.thinking,
  answer: row.answer,
  guestsAsk: row.guestsAsk,
  dayTokens: row.dayTokens,
  count: row.count,
  headId: row.headId,
  last: row.lastName === null ? null : { name: row.lastName, text: row.lastText ?? '' },
  runningId: row.runningId,
  createdAt: row.createdAt.getTime(),
  updatedAt: row.updatedAt.getTime(),
  deleted: row.deletedAt !== null,
})

export function toMessage(memory: Memory, row: MessageRow): Message {
  const named = (id: string | null): Author | null => (id === null ? null : { id, name: memory.people.get(id)?.name ?? '' })
  const place = {
    id: row.id,
    conversationId: row.conversationId,
    parentId: row.parentId,
    text: row.deletedAt === null ? row.text : '',
    position: row.position,
    revision: row.revision,
    createdAt: row.createdAt.getTime(),
    deleted: row.deletedAt !== null,
  }
  if (row.kind !== 'reply') return { ...place, kind: row.kind, author: named(row.authorId) ?? { id: row.id, name: '' } }
  return {
    ...place,
    kind: 'reply',
    state: row.state ?? 'failed',
    askedBy: named(row.authorId),
    model: row.model,
    usage: row.usage,
    thoughts: row.deletedAt === null ? row.thoughts : null,
    omitted: row.omitted,
    failure: row.failure,
    retryAt: row.retryAt?.getTime() ?? null,
    truncated: row.truncated,
    stoppedBy: named(row.stoppedById),
    finishedAt: row.state !== null && isOpen(row.state) ? null : (row.finishedAt?.getTime() ?? null),
  }
}

function reached(memory: Memory, id: string, personId: string): { room: Room; role: Role } | null {
  const room = memory.rooms.get(id)
  const role = room?.members.get(personId)?.role
  return room && role && room.row.deletedAt === null ? { room, role } : null
}

function write(memory: Memory, room: Room, values: Partial<conversations.ConversationRow>): Conversation {
  room.row = { ...room.row, ...values, changed: String(memory.transaction++) }
  return toConversation(room.row)
}

function changeOf(room: Room, conversation: Conversation, changed: readonly Message[]): conversations.Change {
  return { conversation, messages: changed, members: [...room.members.keys()] }
}

export const create: typeof conversations.create = (db, by, id, fields) =>
  transaction(db, (memory) => {
    const found = memory.rooms.get(id)
    if (found) {
      const mine = reached(memory, id, by.id)
      return mine ? { conversation: toConversation(mine.room.row), change: null } : null
    }
    const now = new Date()
    const room: Room = {
      kept: new Map(),
      members: new Map([[by.id, { role: 'owner', read: 0, joinedAtMs: now.getTime(), changed: memory.transaction }]]),
      row: {
        id,
        revision: 1,
        title: '',
        titling: fields.title || !memory.titles ? 'settled' : 'open',
        model: null,
        instructions: '',
        temperature: null,
        thinking: null,
        answer: 'always',
        guestsAsk: true,
        dayTokens: null,
        count: 0,
        headId: null,
        runningId: null,
        lastName: null,
        lastText: null,
        createdBy: by.id,
        createdAt: now,
        updatedAt: now,
        deletedAt: null,
        changed: String(memory.transaction++),
        ...fields,
      },
    }
    memory.rooms.set(id, room)
    const conversation = toConversation(room.row)
    return { conversation, change: changeOf(room, conversation, []) }
  })

export const carryOut: typeof operations.carryOut = (db, { id }) =>
  transaction(db, (memory) => {
    const first = !memory.operations.has(id)
    memory.operations.add(id)
    return first
  })

export const isCarriedOut: typeof operations.isCarriedOut = (db, id) => transaction(db, (memory) => memory.operations.has(id))

export const update: typeof conversations.update = (db, personId, id, fields, operation) =>
  transaction(db, (memory) => {
    const found = reached(memory, id, personId)
    if (!found) return { kind: 'missing' as const }
    const owners = fields.guestsAsk !== undefined || fields.dayTokens !== undefined
    if (found.role === 'viewer' || (owners && found.role !== 'owner')) return { kind: 'forbidden' as const }
    const { room } = found
    if (operation !== undefined) {
      if (memory.operations.has(operation)) return { kind: 'done' as const, conversation: toConversation(room.row), change: null }
      memory.operations.add(operation)
    }
    const chosen = fields.title === undefined || room.row.titling === 'settled'
    const alike = Object.entries(fields).every(([name, value]) =>
      Object.entries(room.row).some(([key, old]) => key === name && old === value),
    )
    if (alike && chosen) return { kind: 'done' as const, conversation: toConversation(room.row), change: null }
    const titling = fields.title === undefined ? {} : { titling: 'settled' as const }
    const conversation = write(memory, room, { ...fields, ...titling, revision: room.row.revision + 1 })
    return { kind: 'done' as const, conversation, change: changeOf(room, conversation, []) }
  })

export const remove: typeof conversations.remove = (db, personId, id) =>
  transaction(db, (memory) => {
    const found = reached(memory, id, personId)
    if (!found) return { kind: 'done' as const, runningId: null, members: [] }
    if (found.role !== 'owner') return { kind: 'forbidden' as const }
    const { room } = found
    const { runningId } = room.row
    write(memory, room, { deletedAt: new Date(), revision: room.row.revision + 1 })
    for (const row of memory.rowsOf(id)) if (row.state === 'queued') memory.messages.set(row.id, { ...row, state: 'stopped' })
    return { kind: 'done' as const, runningId, members: [...room.members.keys()] }
  })

export const reach: typeof conversations.reach = (db, id, personId) =>
  transaction(db, (memory) => {
    const found = reached(memory, id, personId)
    return found && { row: found.room.row, role: found.role }
  })

export const isForeign: typeof conversations.isForeign = (db, id, personId) =>
  transaction(db, ({ rooms }) => rooms.has(id) && rooms.get(id)?.members.has(personId) !== true)

export const current: typeof conversations.current = (db, id) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(id)
    return room ? { conversation: toConversation(room.row), members: [...room.members.keys()] } : null
  })

function withoutChange(kept: Kept): Arrangement {
  const { changed: _, ...rest } = kept
  return rest
}

export const arrange: typeof arrangements.arrange = (db, personId, id, fields, operation) =>
  transaction(db, (memory) => {
    const found = reached(memory, id, personId)
    if (!found) return null
    const { kept } = found.room
    const before = kept.get(personId) ?? { conversationId: id, pin: null, archived: false, tags: [], version: 0, changed: 0n }
    if (operation !== undefined) {
      if (memory.operations.has(operation)) return withoutChange(before)
      memory.operations.add(operation)
    }
    const after = { ...before, ...fields, version: before.version + 1, changed: memory.transaction++ }
    kept.set(personId, after)
    return withoutChange(after)
  })

/** How somebody keeps a room; null: they have never arranged it. */
export function keptOf(memory: Memory, conversationId: string, personId: string): Arrangement | null {
  const kept = memory.rooms.get(conversationId)?.kept.get(personId)
  return kept ? withoutChange(kept) : null
}

export const list: typeof listing.list = (db, personId, since) =>
  transaction(db, (memory) => {
    const [, begun, changedAt, afterId] = /^(\d{1,19})\.(\d{1,19})\.([\da-f-]{36})$/.exec(since ?? '') ?? []
    const after = begun && changedAt && afterId ? { from: BigInt(begun), changed: BigInt(changedAt), id: afterId } : null
    const [, end] = /^(\d{1,19})$/.exec(since ?? '') ?? []
    const cursor = after?.from ?? (end !== undefined && BigInt(end) <= memory.transaction ? BigInt(end) : null)
    const from = after?.from ?? memory.transaction
    const found = [...memory.rooms.values()]
      .flatMap(({ row, members, kept: keptBy }) => {
        const place = members.get(personId)
        if (!place) return []
        const kept = keptBy.get(personId)
        const changed = [BigInt(row.changed), place.changed, kept?.changed ?? 0n]
        return [{ row, place, kept, last: changed.reduce((left, right) => (left > right ? left : right)) }]
      })
      .filter(({ row, last }) => {
        if (after) return last > after.changed || (last === after.changed && compare(row.id, after.id) > 0)
        return cursor === null ? row.deletedAt === null : last >= cursor
      })
      .sort((left, right) => Number(left.last - right.last) || compare(left.row.id, right.row.id))
    let units = 0
    const shown = found.slice(0, LIMITS.listRows).filter(({ row: { title, instructions, lastText } }, index) => {
      units += LIST_ROW_UNITS + title.length + instructions.length + (lastText?.length ?? 0)
      return units <= LIST_UNITS || index < 1
    })
    const more = shown.length < found.length
    const ending = shown.at(-1)
    return {
      conversations: shown.map(({ row }) => toConversation(row)),
      memberships: shown.map(({ row, place: { role, read } }) => ({ conversationId: row.id, role, read })),
      arrangements: shown.flatMap(({ kept }) => (kept ? [withoutChange(kept)] : [])),
      // Nobody leaves a room here.
      gone: [],
      cursor: more ? `${from}.${ending?.last}.${ending?.row.id}` : String(from),
      complete: cursor === null,
      more,
    }
  })

export const readRoster: typeof presence.readRoster = (db, conversationId) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(conversationId)
    if (!room || room.row.deletedAt !== null) return { count: 0, members: [] }
    const inOrder = [...room.members].sort(([one, left], [other, right]) => left.joinedAtMs - right.joinedAtMs || compare(one, other))
    const members = inOrder.flatMap(([id, { role, read }]) => {
      const person = memory.people.get(id)
      return person ? [{ person, role, read, seenAt: memory.seenAt.get(id) ?? null }] : []
    })
    return { count: room.row.count, members }
  })

export const writePresence: typeof presence.writePresence = (db, reads, seen) =>
  transaction(db, (memory) => {
    for (const { personId, atMs } of seen) memory.seenAt.set(personId, Math.max(atMs, memory.seenAt.get(personId) ?? 0))
    const changed = memory.transaction++
    for (const { conversationId, personId, count } of reads) {
      const place = memory.rooms.get(conversationId)?.members.get(personId)
      if (place && place.read < count) Object.assign(place, { read: count, changed })
    }
  })

export const byIds: typeof messages.byIds = (db, ids) =>
  transaction(db, (memory) =>
    ids.flatMap((id) => {
      const row = memory.messages.get(id)
      return row ? [{ row, message: toMessage(memory, row) }] : []
    }),
  )

export const changedSince: typeof messages.changedSince = (db, conversationId, since, limit) =>
  transaction(db, (memory) => {
    const found = memory.rowsOf(conversationId).filter(({ revision }) => revision > since)
    return page(
      memory,
      found.sort((left, right) => left.revision - right.revision),
      limit,
    )
  })

export const before: typeof messages.before = (db, conversationId, position, limit) =>
  transaction(db, (memory) => {
    const found = memory.rowsOf(conversationId).filter((row) => row.position < position)
    return page(
      memory,
      found.sort((left, right) => right.position - left.position),
      limit,
    )
  })

function page(memory: Memory, rows: MessageRow[], limit: number) {
  let units = 0
  const shown: MessageRow[] = []
  for (const row of rows.slice(0, limit)) {
    units += row.text.length
    if (units > PAGE_UNITS && shown.length > 0) break
    shown.push(row)
  }
  return { messages: shown.map((row) => toMessage(memory, row)), more: shown.length < rows.length }
}

export const path: typeof messages.path = (db, toId, most) =>
  transaction(db, (memory) => {
    const steps: messages.Step[] = []
    let units = 0
    let next = memory.messages.get(toId)?.parentId ?? null
    while (next !== null && steps.length < most.steps && units <= most.units) {
      const row = memory.messages.get(next)
      if (!row) break
      // Postgres counts characters.
      units += [...row.text].length
      const author = row.authorId === null ? null : (memory.people.get(row.authorId)?.name ?? null)
      steps.unshift({ kind: row.kind, text: row.text, author, deleted: row.deletedAt !== null })
      next = row.parentId
    }
    return steps
  })

export const countBeyond: typeof messages.countBeyond = (db, toId, steps, most) =>
  transaction(db, (memory) => {
    let count = 0
    let depth = 0
    // With some planted bugs a path leads back into itself.
    for (let row = memory.messages.get(toId); row && count <= most; row = memory.messages.get(row.parentId ?? ''))
      if (depth++ > steps && row.kind !== 'note' && row.deletedAt === null) count++
    return count
  })

const BLANK = {
  state: null,
  model: null,
  wantedModel: null,
  usage: null,
  thoughts: null,
  omitted: 0,
  failure: null,
  retryAt: null,
  truncated: false,
  stoppedById: null,
  finishedAt: null,
  deletedAt: null,
} as const

export const send: typeof sending.send = (db, by, input) =>
  transaction(db, (memory): sending.Sent => {
    const found = reached(memory, input.conversationId, by.id)
    if (!found) return { kind: 'missing' }
    if (found.role === 'viewer') return { kind: 'forbidden' }
    const { room } = found
    const known = memory.messages.get(input.id)
    const answer = memory.messages.get(input.replyId)
    if (known || answer) {
      if (known?.authorId !== by.id || known.conversationId !== input.conversationId) return { kind: 'taken' }
      const reply = answer?.parentId === input.id ? toMessage(memory, answer) : null
      return { kind: 'sent', message: toMessage(memory, known), reply: reply?.kind === 'reply' ? reply : null, change: null }
    }
    const { row } = room
    const asks = input.kind === 'prompt' && (row.answer === 'always' || addressesModel(input.text))
    const open = memory.rowsOf(row.id).filter(({ state }) => state !== null && isOpen(state)).length
    if (asks && input.id === input.replyId) return { kind: 'taken' }
    if (asks && by.kind === 'guest' && !row.guestsAsk) return { kind: 'guest' }
    if (asks && open >= LIMITS.queuedReplies) return { kind: 'busy' }
    const createdAt = new Date()
    const shared = { ...BLANK, conversationId: row.id, createdAt }
    const position = row.revision + 1
    const prompt: MessageRow = {
      ...shared,
      id: input.id,
      parentId: row.headId,
      kind: input.kind,
      authorId: by.id,
      text: input.text,
      position,
      revision: position,
    }
    const stored: MessageRow[] = [prompt]
    if (asks) {
      const place = { position: position + 1, revision: position + 1 }
      stored.push({ ...shared, id: input.replyId, parentId: input.id, kind: 'reply', authorId: by.id, text: '', ...place, state: 'queued' })
    }
    for (const message of stored) memory.messages.set(message.id, message)
    const conversation = write(memory, room, {
      revision: position + stored.length - 1,
      count: row.count + stored.length,
      headId: input.kind === 'note' ? row.headId : asks ? input.replyId : input.id,
      title: row.title === '' && input.kind === 'prompt' ? preview(input.text, LIMITS.firstTitleLength) : row.title,
      lastName: by.name,
      lastText: preview(input.text, LIMITS.previewLength),
      updatedAt: createdAt,
    })
    const mine = room.members.get(by.id)
    if (mine) mine.read = conversation.count
    const [message, reply] = stored.map((one) => toMessage(memory, one))
    if (!message) throw new Error('nothing was stored')
    const change = changeOf(room, conversation, reply ? [message, reply] : [message])
    return { kind: 'sent', message, reply: reply?.kind === 'reply' ? reply : null, change }
  })

export const roomOfMessage: typeof branching.roomOfMessage = (db, personId, id) =>
  transaction(db as Db, (memory) => {
    const row = memory.messages.get(id)
    return row && reached(memory, row.conversationId, personId) ? row.conversationId : null
  })

export const edit: typeof branching.edit = (db, by, input) =>
  transaction(db, (memory): branching.Branched => {
    const found = reached(memory, input.conversationId, by.id)
    if (!found) return { kind: 'missing' }
    if (found.role === 'viewer') return { kind: 'forbidden' }
    const source = memory.messages.get(input.of)
    if (source?.kind !== 'prompt' || source.conversationId !== input.conversationId) return { kind: 'missing' }
    if (source.authorId !== by.id) return { kind: 'forbidden' }
    const made = memory.messages.get(input.id)
    const answer = memory.messages.get(input.replyId)
    if (made || answer) {
      if (made?.authorId !== by.id || made.conversationId !== input.conversationId || input.id === input.of) return { kind: 'taken' }
      const reply = answer?.parentId === input.id ? toReply(memory, answer) : null
      return { kind: 'branched', message: toMessage(memory, made), reply, change: null }
    }
    if (source.deletedAt !== null) return { kind: 'missing' }
    const { room } = found
    const asks = room.row.answer === 'always' || addressesModel(input.text)
    const refusal = asks ? notNow(memory, by, room) : null
    if (refusal) return refusal
    if (input.id === input.replyId) return { kind: 'taken' }
    const position = room.row.revision + 1
    const shared = { ...BLANK, conversationId: room.row.id, authorId: by.id, createdAt: new Date() }
    const { id, text, replyId } = input
    const prompt: MessageRow = { ...shared, id, parentId: source.parentId, kind: 'prompt', text, position, revision: position }
    const place = { position: position + 1, revision: position + 1 }
    const reply: MessageRow = { ...shared, id: replyId, parentId: id, kind: 'reply', text: '', ...place, state: 'queued' }
    const words = { lastName: by.name, lastText: preview(text, LIMITS.previewLength) }
    const change = moveTo(memory, by, room, asks ? [prompt, reply] : [prompt], words)
    return { kind: 'branched', message: toMessage(memory, prompt), reply: asks ? toReply(memory, reply) : null, change }
  })

export const regenerate: typeof branching.regenerate = (db, by, { conversationId, of, replyId, model }) =>
  transaction(db, (memory): branching.Branched => {
    const found = reached(memory, conversationId, by.id)
    if (!found) return { kind: 'missing' }
    if (found.role === 'viewer') return { kind: 'forbidden' }
    const source = memory.messages.get(of)
    if (source?.kind !== 'reply' || source.conversationId !== conversationId) return { kind: 'missing' }
    if (replyId === of) return { kind: 'taken' }
    const { parentId } = source
    const made = memory.messages.get(replyId)
    if (made) {
      if (made.kind !== 'reply' || made.parentId !== parentId) return { kind: 'taken' }
      return { kind: 'branched', message: toMessage(memory, made), reply: toReply(memory, made), change: null }
    }
    if (source.deletedAt !== null) return { kind: 'missing' }
    const { room } = found
    const refusal = notNow(memory, by, room)
    if (refusal) return refusal
    const position = room.row.revision + 1
    const shared = { ...BLANK, id: replyId, conversationId, parentId, authorId: by.id, createdAt: new Date() }
    const again: MessageRow = {
      ...shared,
      kind: 'reply',
      text: '',
      wantedModel: model ?? null,
      state: 'queued',
      position,
      revision: position,
    }
    const change = moveTo(memory, by, room, [again], {})
    return { kind: 'branched', message: toMessage(memory, again), reply: toReply(memory, again), change }
  })

export const select: typeof branching.select = (db, by, { id, conversationId, operation }) =>
  transaction(db, (memory): branching.Selected => {
    const found = reached(memory, conversationId, by.id)
    if (!found) return { kind: 'missing' }
    if (found.role === 'viewer') return { kind: 'forbidden' }
    const { room } = found
    const headId = newestUnder(memory, id, conversationId)
    if (headId === null) return { kind: 'missing' }
    const again = operation !== undefined && memory.operations.has(operation)
    if (operation !== undefined) memory.operations.add(operation)
    if (again || headId === room.row.headId) return { kind: 'selected', conversation: toConversation(room.row), change: null }
    const conversation = write(memory, room, { headId, revision: room.row.revision + 1 })
    return { kind: 'selected', conversation, change: changeOf(room, conversation, []) }
  })

function newestUnder(memory: Memory, id: string, conversationId: string): string | null {
  const root = memory.messages.get(id)
  if (!root || root.kind === 'note' || root.deletedAt !== null || root.conversationId !== conversationId) return null
  const under = new Set([id])
  let newest = root
  for (const row of memory.rowsOf(conversationId).sort((left, right) => left.position - right.position)) {
    if (row.kind === 'note' || row.parentId === null || !under.has(row.parentId)) continue
    under.add(row.id)
    if (row.deletedAt === null) newest = row
  }
  return newest.id
}

function notNow(memory: Memory, by: Person, { row }: Room): { readonly kind: 'guest' | 'busy' } | null {
  if (by.kind === 'guest' && !row.guestsAsk) return { kind: 'guest' }
  const open = memory.rowsOf(row.id).filter(({ state }) => state !== null && isOpen(state)).length
  return open >= LIMITS.queuedReplies ? { kind: 'busy' } : null
}

function moveTo(
  memory: Memory,
  by: Person,
  room: Room,
  stored: readonly MessageRow[],
  words: { lastName?: string; lastText?: string },
): conversations.Change {
  for (const row of stored) memory.messages.set(row.id, row)
  const conversation = write(memory, room, {
    ...words,
    revision: room.row.revision + stored.length,
    count: room.row.count + stored.length,
    headId: stored.at(-1)?.id ?? null,
    updatedAt: new Date(),
  })
  const mine = room.members.get(by.id)
  if (mine) mine.read = conversation.count
  return changeOf(
    room,
    conversation,
    stored.map((row) => toMessage(memory, row)),
  )
}

export const copy: typeof copying.copy = (db, by, { id, from, toId, live, thoughts, fields }, speaker) =>
  transaction(db, (memory) => {
    const mine = reached(memory, id, by.id)
    if (mine) return { conversation: toConversation(mine.room.row), change: null }
    if (memory.rooms.has(id)) return null
    const path: MessageRow[] = []
    for (let row = memory.messages.get(toId ?? ''); row; row = memory.messages.get(row.parentId ?? '')) {
      if (row.kind !== 'note' && row.deletedAt === null) path.unshift(row)
    }
    const now = new Date()
    let parentId: string | null = null
    for (const [index, row] of path.entries()) {
      const place = { position: index + 2, revision: index + 2 }
      const said = live.find((reply) => reply.id === row.id)
      const open: Partial<MessageRow> =
        row.state !== null && isOpen(row.state)
          ? {
              state: 'interrupted',
              failure: { code: 'restarted' },
              retryAt: null,
              finishedAt: now,
              ...(said && { text: storable(said.text) }),
              ...(said && said.thoughts !== '' && { thoughts: { text: storable(said.thoughts), ms: 0 } }),
            }
          : {}
      const kept = { usage: null, ...(thoughts ? {} : { thoughts: null }) }
      const made = newId()
      const copyId = `${made.slice(0, 14)}4${made.slice(15)}`
      memory.messages.set(copyId, { ...row, id: copyId, conversationId: id, parentId, ...place, ...open, ...kept })
      parentId = copyId
    }
    const last = memory.messages.get(parentId ?? '')
    const author = last?.kind === 'reply' ? speaker : (memory.people.get(last?.authorId ?? '')?.name ?? '')
    const room: Room = {
      kept: new Map(),
      members: new Map([[by.id, { role: 'owner', read: path.length, joinedAtMs: now.getTime(), changed: memory.transaction }]]),
      row: {
        id,
        revision: path.length + 1,
        title: from.title,
        titling: from.titling === 'open' ? 'open' : 'settled',
        model: from.model,
        instructions: '',
        temperature: null,
        thinking: null,
        answer: 'always',
        dayTokens: null,
        count: path.length,
        headId: parentId,
        runningId: null,
        lastName: last ? author : null,
        lastText: last ? preview(last.text, LIMITS.previewLength) : null,
        createdBy: by.id,
        createdAt: now,
        updatedAt: now,
        deletedAt: null,
        changed: String(memory.transaction++),
        ...fields,
        guestsAsk: by.kind !== 'guest',
      },
    }
    memory.rooms.set(id, room)
    const conversation = toConversation(room.row)
    return { conversation, change: changeOf(room, conversation, []) }
  })

export const findQueued: typeof replies.findQueued = (db, id) =>
  transaction(db, (memory) => {
    const row = memory.messages.get(id)
    const room = row && memory.rooms.get(row.conversationId)
    if (!row || !room || row.state !== 'queued') return null
    const { instructions, temperature, thinking, deletedAt } = room.row
    const { conversationId, parentId, text, thoughts, retryAt } = row
    const model = row.wantedModel ?? room.row.model
    return { id, conversationId, parentId, text, model, instructions, temperature, thinking, thoughts, retryAt, deletedAt }
  })

export const begin: typeof replies.begin = (db, { id, conversationId }) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(conversationId)
    const row = memory.messages.get(id)
    if (!room || row?.state !== 'queued') return null
    const revision = room.row.revision + 1
    return changeReply(memory, room, { ...row, state: 'streaming', revision }, { revision, runningId: id })
  })

export const defer: typeof replies.defer = (db, { id, conversationId }, wait) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(conversationId)
    const row = memory.messages.get(id)
    if (!room || !row?.state || !isOpen(row.state)) return null
    const revision = room.row.revision + 1
    return changeReply(memory, room, { ...row, ...wait, revision }, { revision })
  })

export const putBack: typeof replies.putBack = (db, { id, conversationId }) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(conversationId)
    const row = memory.messages.get(id)
    if (!room || row?.state !== 'streaming') return
    const revision = room.row.revision + 1
    changeReply(
      memory,
      room,
      { ...row, state: room.row.deletedAt === null ? 'queued' : 'stopped', revision },
      { revision, runningId: room.row.runningId === id ? null : room.row.runningId },
    )
  })

export const finish: typeof finishing.finish = (db, { id, conversationId }, outcome, speaker, at?: Date) =>
  transaction(db, (memory) => {
    const finishedAt = at ?? new Date()
    const room = memory.rooms.get(conversationId)
    const row = memory.messages.get(id)
    if (!room || !row?.state || !isOpen(row.state)) return null
    if (row.state === 'queued' && row.finishedAt?.getTime() === finishedAt.getTime()) return null
    const revision = room.row.revision + 1
    const { stoppedBy, text, operation, model, usage: used, ...values } = outcome
    if (operation) memory.operations.add(operation.id)
    const ended = {
      ...row,
      ...values,
      text: text ?? row.text,
      model: model ?? row.model,
      usage: used ? together(row.usage, used) : row.usage,
      stoppedById: stoppedBy?.id ?? null,
      retryAt: null,
      finishedAt,
      revision,
    }
    if (used) {
      const [personId, name] = [ended.authorId ?? room.row.createdBy, model ?? ended.wantedModel ?? room.row.model ?? speaker]
      addUsage(memory, { personId, conversationId, model: name, ...used })
    }
    const untitled = ended.state === 'complete' && ended.text !== '' && room.row.titling === 'open'
    const change = changeReply(memory, room, ended, {
      revision,
      runningId: room.row.runningId === id ? null : room.row.runningId,
      ...(ended.text === '' ? {} : { lastName: speaker, lastText: preview(ended.text, LIMITS.previewLength) }),
      updatedAt: finishedAt,
    })
    return { ...change, untitled }
  })

export const claimTitle: typeof titles.claimTitle = (db, conversationId, id, thought) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(conversationId)
    if (room?.row.titling !== 'open' || room.row.deletedAt !== null) return memory.operations.has(id)
    room.row = { ...room.row, titling: 'asked' }
    memory.operations.add(id)
    addUsage(memory, { ...thought, conversationId, ...thought.usage })
    return true
  })

export const giveTitle: typeof titles.giveTitle = (db, conversationId, id, { title, thought, cost }) =>
  transaction(db, (memory) => {
    const room = memory.rooms.get(conversationId)
    if (!room || memory.operations.has(id)) return null
    memory.operations.add(id)
    addUsage(memory, { ...thought, conversationId, ...thought.usage }, -1)
    if (cost) addUsage(memory, { ...cost, conversationId, ...cost.usage })
    const { row } = room
    if (title === null || title === row.title || row.titling !== 'asked' || row.deletedAt !== null) return null
    return changeOf(room, write(memory, room, { title, revision: row.revision + 1 }), [])
  })

export const requeue: typeof resuming.requeue = (db, by, id, seenRevision) =>
  transaction(db, (memory): resuming.Requeued => {
    const row = memory.messages.get(id)
    const found = row && reached(memory, row.conversationId, by.id)
    if (!row || !found || row.kind !== 'reply' || row.deletedAt !== null) return { kind: 'missing' }
    if (found.role === 'viewer') return { kind: 'forbidden' }
    if (by.kind === 'guest' && !found.room.row.guestsAsk) return { kind: 'guest' }
    if (row.revision !== seenRevision || (row.state !== null && isOpen(row.state)))
      return { kind: 'queued', reply: toReply(memory, row), change: null }
    if (row.state === 'complete' && !row.truncated) return { kind: 'finished' }
    const { room } = found
    const revision = room.row.revision + 1
    const again: MessageRow = {
      ...row,
      state: 'queued',
      authorId: by.id,
      failure: null,
      stoppedById: null,
      truncated: false,
      revision,
    }
    memory.requeued.set(id, (memory.requeued.get(id) ?? 0) + 1)
    const change = changeReply(memory, room, again, { revision })
    return { kind: 'queued', reply: toReply(memory, again), change }
  })

function changeReply(memory: Memory, room: Room, row: MessageRow, values: Partial<conversations.ConversationRow>): conversations.Change {
  memory.messages.set(row.id, row)
  return changeOf(room, write(memory, room, values), [toMessage(memory, row)])
}

function toReply(memory: Memory, row: MessageRow): Reply {
  const reply = toMessage(memory, row)
  if (reply.kind !== 'reply') throw new Error('not a reply')
  return reply
}

export const reachReply: typeof replies.reachReply = (db, personId, id) =>
  transaction(db, (memory) => {
    const row = memory.messages.get(id)
    const found = row && reached(memory, row.conversationId, personId)
    if (!found || row.kind !== 'reply' || !row.state) return null
    return { conversationId: row.conversationId, state: row.state, role: found.role }
  })

export const readReply: typeof replies.readReply = (db, id) =>
  transaction(db, (memory) => {
    const row = memory.messages.get(id)
    return row?.kind === 'reply' ? toReply(memory, row) : null
  })

export const openReplies: typeof replies.openReplies = (db) =>
  transaction(db, (memory) =>
    [...memory.messages.values()]
      .filter(({ state }) => state !== null && isOpen(state))
      .sort((left, right) => compare(left.conversationId, right.conversationId) || left.position - right.position)
      .map(({ id, conversationId, state, authorId }) => ({
        id,
        conversationId,
        state,
        askedBy: authorId === null ? null : { id: authorId },
      })),
  )

export const dayOf: typeof usage.dayOf = (atMs) => new Date(atMs).toISOString().slice(0, 10)

export const dayEnd: typeof usage.dayEnd = (atMs) => new Date(dayOf(atMs)).getTime() + DAY_MS

function addUsage(
  memory: Memory,
  { prompt, output, total, ...whose }: { day?: string } & Pick<Used, 'personId' | 'conversationId' | 'model'> & Usage,
  calls: 1 | -1 = 1,
): void {
  const day = whose.day ?? dayOf(Date.now())
  const key = [day, whose.personId, whose.conversationId, whose.model].join(' ')
  const before = memory.usage.get(key) ?? { calls: 0, prompt: 0, output: 0, total: 0 }
  memory.usage.set(key, {
    day,
    personId: whose.personId,
    conversationId: whose.conversationId,
    model: whose.model,
    calls: before.calls + calls,
    prompt: before.prompt + prompt * calls,
    output: before.output + output * calls,
    total: before.total + total * calls,
  })
}

export const spendingOf: typeof usage.spendingOf = (db, replyId, day) =>
  transaction(db, (memory) => {
    const row = memory.messages.get(replyId)
    const room = row && memory.rooms.get(row.conversationId)
    if (!room) return null
    const sum = (whose: (used: Used) => boolean) =>
      [...memory.usage.values()].reduce((total, used) => total + (used.day === day && whose(used) ? used.total : 0), 0)
    const isGuest = (id: string | null) => id !== null && memory.people.get(id)?.kind === 'guest'
    return {
      personId: row.authorId,
      conversationId: row.conversationId,
      guest: isGuest(row.authorId),
      disabled: false,
      personBound: null,
      roomBound: room.row.dayTokens,
      byPerson: sum(({ personId }) => personId === row.authorId),
      inRoom: sum(({ conversationId }) => conversationId === row.conversationId),
      byGuests: sum(({ personId }) => isGuest(personId)),
      inAll: sum(() => true),
    }
  })

export const usageSince: typeof usage.usageSince = (db, reader, day) =>
  transaction(db, (memory) => {
    const rows = [...memory.usage.values()]
      .filter((used) => used.day >= day && used.calls > 0 && (reader.kind === 'owner' || used.personId === reader.id))
      .sort(
        (left, right) =>
          compare(right.day, left.day) ||
          compare(left.personId, right.personId) ||
          compare(left.conversationId, right.conversationId) ||
          compare(left.model, right.model),
      )
      .map(({ personId, conversationId, ...used }) => ({
        ...used,
        person: { id: personId, name: memory.people.get(personId)?.name ?? '' },
        conversation: { id: conversationId, title: reached(memory, conversationId, reader.id)?.room.row.title ?? '' },
      }))
    return { rows, more: false }
  })

export const readDefaults: typeof people.readDefaults = async (db, id) =>
  handles.get(db)?.peek().defaults.get(id) ?? { model: null, instructions: '' }

export const writeDefaults: typeof people.writeDefaults = (db, id, { model, instructions }) =>
  transaction(db, (memory) => {
    const before = memory.defaults.get(id) ?? { model: null, instructions: '' }
    const after = { model: model === undefined ? before.model : model, instructions: instructions ?? before.instructions }
    memory.defaults.set(id, after)
    return after
  })

export const readBudget: typeof settings.readBudget = (db) => transaction(db, ({ budget }) => budget)

export const writeBudget: typeof settings.writeBudget = (db, budget) => transaction(db, (memory) => void (memory.budget = budget))

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
