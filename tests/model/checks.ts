import { isOpen, type Message } from '#contract'
import type { OutboxCall, OutboxEntry, StoredConversation } from '../../web/store/database.ts'
import { shownText } from '../../web/store/live-texts.ts'
import { shownThoughts } from '../../web/store/live-thoughts.ts'
import { PENDING_POSITION } from '../../web/store/places.ts'
import { arrangedBy, shelved } from '../../web/store/shelves.ts'
import { keptOf, toConversation, toMessage } from './memory-records.ts'
import { numberIn, wholeAnswer } from './model-answers.ts'
import type { Profile, Shown, Tab } from './tab.ts'
import type { Sent, World } from './world.ts'

export type Rule =
  /** The run itself broke, or the server met what it calls a bug. */
  | 'broken'
  /** What was acknowledged is there, once, in its order. */
  | 'lost'
  | 'order'
  /** A store that says that it is whole up to a revision is. */
  | 'whole'
  /** A text on a screen, or what the model thinks, is the beginning of what is kept, and never gets shorter. */
  | 'unkept'
  | 'taken back'
  | 'answer'
  /** One prompt makes at most one call to the model, and one click to go on another one. */
  | 'calls'
  /** Everything ends: what waits is sent, what runs ends. */
  | 'rest'
  /** A message is wholly there or wholly absent, and so is what was asked for about how a room is kept. */
  | 'half'
  /** After everything is well again, all stores and the database are the same. */
  | 'diverged'

export class Violation extends Error {
  readonly rule: Rule
  constructor(rule: Rule, what: string) {
    super(`${rule}: ${what}`)
    this.rule = rule
  }
}

type Row = Readonly<Record<string, unknown>>

/** What has to be true at every moment, at rest, and in the end. */
export class Checks {
  readonly #world: World
  /** The longest that any tab has shown. */
  readonly #seen: Shown = { text: new Map(), thoughts: new Map() }

  constructor(world: World) {
    this.#world = world
  }

  /** After every step: the replies on the screens that may have changed. */
  screens(): void {
    for (const tab of this.#world.allTabs) {
      if (!tab.changed || !tab.open) continue
      tab.changed = false
      this.#screen(tab)
    }
    if (this.#world.bugs.length > 0) throw new Violation('broken', this.#world.bugs.join('; '))
  }

  #screen(tab: Tab): void {
    const { disk, browsers } = this.#world
    // Of a room that was removed nothing has to be kept.
    if (tab.room === null || !tab.readable || disk.memory.rooms.get(tab.room)?.row.deletedAt !== null) return
    const rows = browsers.rows(tab.profile.database, 'messages')
    if (!rows) return void (tab.changed = true)
    for (const row of disk.memory.messages.values()) {
      if (row.kind !== 'reply' || row.conversationId !== tab.room) continue
      const stored = rows.get(row.id)
      if (!stored || stored.deleted === true) continue
      // What is in this table came out of web/store.
      const message = stored as Message
      const { live, thoughts } = tab.store
      this.#shows(tab, 'text', row.id, stored, [shownText(message, (id) => live.get(id)), live.get(row.id)])
      this.#shows(tab, 'thoughts', row.id, stored, [shownThoughts(message, (id) => thoughts.get(id)) ?? '', thoughts.get(row.id)])
    }
  }

  #shows(tab: Tab, what: keyof Shown, id: string, stored: Row, [shown, live]: readonly [string, string | null]): void {
    const before = tab.shown[what].get(id) ?? ''
    if (shown === before) return
    const kept = this.#kept(what, id)
    if (!kept.startsWith(shown)) throw new Violation('unkept', `tab ${tab.index} shows ${quote(shown)}, kept is ${quote(kept)}`)
    if (!shown.startsWith(before)) {
      const why = `${String(stored.state)} of revision ${String(stored.revision)}, live ${quote(String(live))}`
      throw new Violation('taken back', `tab ${tab.index} shows ${quote(shown)} (${why}) after ${quote(before)}`)
    }
    tab.shown[what].set(id, shown)
    if (shown.length > (this.#seen[what].get(id)?.length ?? 0)) this.#seen[what].set(id, shown)
  }

  /** What a killed server would restore of a reply. */
  #kept(what: keyof Shown, id: string): string {
    const { memory, journals } = this.#world.disk
    const row = memory.messages.get(id)
    const journal = journals.get(id)
    const written = (what === 'text' ? row?.text : row?.thoughts?.text) ?? ''
    const noted =
      what === 'thoughts'
        ? journal?.thoughts?.text
        : journal && journal.kept !== null && (row?.text ?? '').slice(0, journal.kept) + journal.text
    return noted && noted.length > written.length ? noted : written
  }

  /** Between operations: what the stores say of themselves. */
  stores(): void {
    const { memory } = this.#world.disk
    for (const profile of this.#world.profiles) {
      const rooms = this.#world.browsers.rows(profile.database, 'rooms')
      const messages = this.#world.browsers.rows(profile.database, 'messages')
      if (!rooms || !messages) continue
      for (const room of rooms.values()) this.#whole(profile, room, messages)
    }
    for (const profile of this.#world.profiles) {
      this.#unsent(profile)
      this.#unarranged(profile)
    }
    const running = [...memory.messages.values()].filter(({ state }) => state === 'streaming').map(({ conversationId }) => conversationId)
    if (new Set(running).size < running.length) throw new Violation('calls', 'two replies of one room are being written')
    for (const sent of this.#world.sent) {
      const row = this.#world.browsers.rows(sent.profile.database, 'messages')?.get(sent.id)
      if (row?.delivery === 'sent' && !memory.messages.has(sent.id))
        throw new Violation('lost', `${sent.id} is shown as sent and is not there`)
    }
  }

  /** A message that waits is on the screen, and what is shown as waiting is in the outbox. */
  #unsent(profile: Profile): void {
    const messages = this.#world.browsers.rows(profile.database, 'messages')
    const outbox = this.#world.browsers.rows(profile.database, 'outbox')
    if (!messages || !outbox) return
    const calls = new Map([...outbox.values()].map(({ call }) => [messageOf(call), call]))
    for (const id of calls.keys()) {
      if (id !== null && !messages.has(id)) throw new Violation('half', `${id} waits in ${profile.database} and is not shown`)
    }
    for (const row of messages.values()) {
      if (row.delivery !== 'sent' && !calls.has(String(row.id)))
        throw new Violation('half', `${String(row.id)} is shown as ${String(row.delivery)} and does not wait in ${profile.database}`)
    }
  }

  /** A room is kept as the server has it, and over it as was asked for and is not answered yet. */
  #unarranged({ database }: Profile): void {
    const conversations = this.#world.browsers.rows(database, 'conversations')
    const outbox = this.#world.browsers.rows(database, 'outbox')
    if (!conversations || !outbox) return
    // What is in these tables came out of web/store.
    const waiting = ([...outbox.values()] as OutboxEntry[]).filter(({ state }) => state === 'waiting')
    for (const row of conversations.values()) {
      const room = row as StoredConversation
      if (room.deleted) continue
      const calls = waiting.filter(({ conversationId }) => conversationId === room.id)
      const [shown, wanted] = [room, arrangedBy(room, room.kept, calls)].map(({ arranged }) => JSON.stringify(arranged))
      if (shown !== wanted) throw new Violation('half', `${room.id} is kept as ${shown} in ${database}, not as ${wanted}`)
    }
  }

  #whole(profile: Profile, room: Row, messages: ReadonlyMap<unknown, Row>): void {
    const { memory } = this.#world.disk
    const there = memory.rooms.get(String(room.id))
    const cursor = Number(room.cursor)
    if (!there || there.row.deletedAt !== null) return
    if (cursor > there.row.revision) throw new Violation('whole', `the cursor of ${profile.database} is ahead of the room`)
    const oldest = room.complete === true ? 0 : Number(room.oldest ?? Number.POSITIVE_INFINITY)
    for (const row of memory.messages.values()) {
      if (row.conversationId !== room.id || row.revision > cursor || row.position < oldest) continue
      const stored = messages.get(row.id)
      if (!stored || Number(stored.revision) !== row.revision || stored.position !== row.position) {
        throw new Violation('whole', `${profile.database} says ${cursor} and lacks ${row.kind} ${row.id} of revision ${row.revision}`)
      }
    }
  }

  /** Nothing waits and nothing runs. */
  atRest(): boolean {
    return this.unrest() === ''
  }

  /** What is not at rest, in words. */
  unrest(): string {
    const { disk, server, profiles, browsers, tabs } = this.#world
    const words: string[] = []
    if (!server.serving) words.push('the server does not serve')
    for (const row of disk.memory.messages.values()) if (row.state && isOpen(row.state)) words.push(`reply ${row.id} is ${row.state}`)
    if (disk.journals.size > 0) words.push(`${disk.journals.size} journals are left`)
    for (const profile of profiles) {
      // A browser without a tab sends nothing.
      if (!tabs.some((tab) => tab.profile === profile)) continue
      const outbox = browsers.rows(profile.database, 'outbox')
      if (!outbox) words.push(`${profile.database} is being written`)
      for (const entry of outbox?.values() ?? [])
        if (entry.state === 'waiting') words.push(`${profile.database} waits with ${JSON.stringify(entry.call)}`)
    }
    for (const tab of tabs) if (tab.store.connection.current !== 'online') words.push(`tab ${tab.index} is ${tab.store.connection.current}`)
    return words.join('; ')
  }

  /** When everything is at rest and has been for a while. */
  end(): void {
    this.stores()
    this.#messages()
    for (const sent of this.#world.sent) this.#arrived(sent)
    for (const profile of this.#world.profiles) this.#ordered(profile)
    this.#calls()
    for (const tab of this.#world.tabs) if (tab.room !== null) this.#same(tab.profile, [tab.room])
    const { memory } = this.#world.disk
    for (const what of ['text', 'thoughts'] as const) {
      for (const [id, shown] of this.#seen[what]) {
        const row = memory.messages.get(id)
        const gone = memory.rooms.get(row?.conversationId ?? '')?.row.deletedAt !== null
        const kept = this.#kept(what, id)
        if (row && !gone && !kept.startsWith(shown)) throw new Violation('taken back', `${quote(shown)} was seen, kept is ${quote(kept)}`)
      }
    }
  }

  /** When every tab has gone through all rooms. */
  everywhere(): void {
    this.stores()
    const { memory } = this.#world.disk
    for (const profile of new Set(this.#world.tabs.map((tab) => tab.profile))) {
      const rooms = [...memory.rooms.values()].filter(({ members }) => members.has(profile.person.id)).map(({ row }) => row.id)
      this.#same(profile, rooms)
    }
  }

  /** The database by itself: revisions, positions, pairs and answers. */
  #messages(): void {
    const { memory } = this.#world.disk
    for (const { row: room } of memory.rooms.values()) {
      const rows = memory.rowsOf(room.id)
      const positions = new Set(rows.map(({ position }) => position))
      const revisions = new Set(rows.map(({ revision }) => revision))
      if (positions.size < rows.length || revisions.size < rows.length)
        throw new Violation('order', `two messages of ${room.id} have one place`)
      if (rows.some(({ revision }) => revision > room.revision)) throw new Violation('order', `a message is newer than ${room.id}`)
      const texts = rows.filter(({ kind }) => kind !== 'reply').map(({ text }) => text)
      if (new Set(texts).size < texts.length) throw new Violation('lost', `a message is there twice in ${room.id}`)
      if (room.headId !== null && !rows.some(({ id, kind }) => id === room.headId && kind !== 'note'))
        throw new Violation('half', `the head of ${room.id} is not there`)
      if (rows.some(({ parentId, kind }) => parentId !== null && parentId === room.headId && kind !== 'note'))
        throw new Violation('half', `${room.id} does not show what was said under its head`)
      for (const row of rows) {
        if (row.parentId !== null && !rows.some(({ id }) => id === row.parentId)) throw new Violation('half', `${row.id} hangs on nothing`)
        if (row.kind === 'note') continue
        if (row.kind === 'prompt') {
          const replies = rows.filter(({ parentId, kind }) => parentId === row.id && kind === 'reply')
          const asked = replies.reduce((count, { id }) => count + (this.#world.again.get(id) ?? 0), 1)
          if ((replies.length === 0 && !isCopy(row.id)) || replies.length > asked)
            throw new Violation('half', `prompt ${row.id} has ${replies.length} replies`)
          continue
        }
        const prompt = rows.find(({ id }) => id === row.parentId)
        const whole = wholeAnswer(Number(/#(\d+);/.exec(prompt?.text ?? '')?.[1] ?? 0))
        if (!whole.startsWith(row.text)) throw new Violation('answer', `${quote(row.text)} is no beginning of ${quote(whole)}`)
        const ended = row.state === 'complete' && !row.truncated
        if (ended && row.text !== whole) throw new Violation('answer', `${quote(row.text)} is not the whole of ${quote(whole)}`)
      }
    }
  }

  #arrived({ id, number, room, profile }: Sent): void {
    const { memory } = this.#world.disk
    const stored = memory.messages.get(id)
    if (stored && !stored.text.includes(`#${number};`))
      throw new Violation('lost', `the words of #${number} have become ${quote(stored.text)}`)
    if (stored) return
    const there = memory.rooms.get(room)
    const gone = there === undefined || there.row.deletedAt !== null
    // Whoever removes a room drops what was still on its way there.
    if (this.#world.removed.get(room)?.has(profile) || this.#world.discarded.has(id)) return
    const row = this.#world.browsers.rows(profile.database, 'messages')?.get(id)
    const waits = !this.#world.tabs.some((tab) => tab.profile === profile)
    if (row && (waits || (gone && row.delivery === 'failed'))) return
    throw new Violation('lost', `#${number} is neither in the database nor shown as failed: ${JSON.stringify(row)}`)
  }

  #ordered(profile: Profile): void {
    const { memory } = this.#world.disk
    const last = new Map<string, number>()
    for (const { id, room, profile: from, number } of this.#world.sent) {
      // Whoever wanted to remove a room gave up what was on its way there; it may arrive any time.
      if (from !== profile || this.#world.removed.get(room)?.has(profile)) continue
      const position = memory.messages.get(id)?.position
      if (position === undefined) continue
      if (position < (last.get(room) ?? 0)) throw new Violation('order', `#${number} has come before what was sent before it`)
      last.set(room, position)
    }
  }

  #calls(): void {
    const { model, disk, resumed } = this.#world
    const { messages, requeued } = disk.memory
    const wishes = new Map<number, number>()
    for (const row of messages.values()) {
      if (row.kind !== 'reply') continue
      const again = requeued.get(row.id) ?? 0
      const clicks = resumed.get(row.id)?.size ?? 0
      if (again > clicks) throw new Violation('calls', `a reply went on ${again} times for ${clicks} clicks`)
      const number = Number(/#(\d+);/.exec(messages.get(row.parentId ?? '')?.text ?? '')?.[1] ?? Number.NaN)
      // A copy was asked for where it comes from.
      wishes.set(number, (wishes.get(number) ?? 0) + (isCopy(row.id) ? 0 : 1) + again)
    }
    for (const [number, calls] of model.calls) {
      const most = wishes.get(number) ?? 0
      if (calls > most) throw new Violation('calls', `the model was asked ${calls} times for #${number}, and ${most} times was wanted`)
    }
    if (model.complaints.length > 0) throw new Violation('calls', model.complaints.join('; '))
    this.#titles()
  }

  /** A room gets its title from a model once at most, whatever ends in between. */
  #titles(): void {
    const { disk, model } = this.#world
    const texts = [...disk.memory.messages.values()].filter(({ kind }) => kind === 'prompt')
    const asked = new Map<string, number>()
    for (const number of model.titles) {
      const rooms = new Set(texts.filter(({ text }) => numberIn(text) === number).map(({ conversationId }) => conversationId))
      // Of a path that was copied nobody knows for which of the rooms it was.
      if (rooms.size === 1) for (const room of rooms) asked.set(room, (asked.get(room) ?? 0) + 1)
    }
    for (const [room, times] of asked) if (times > 1) throw new Violation('calls', `a title for ${room} was asked for ${times} times`)
  }

  #same(profile: Profile, rooms: readonly string[]): void {
    const { memory } = this.#world.disk
    const conversations = this.#table(profile, 'conversations')
    const messages = this.#table(profile, 'messages')
    const loaded = this.#table(profile, 'rooms')
    const there = [...memory.rooms.values()].filter(({ row, members }) => row.deletedAt === null && members.has(profile.person.id))
    const stored = [...conversations.values()]
      .filter((row) => row.deleted !== true)
      .map((row) => without(row, 'origin', 'beneath', 'kept', 'arranged', 'shelf', 'place'))
    const list = there.map(({ row }) => toConversation(row))
    compare(`the rooms of ${profile.database}`, byId(stored), byId(list))
    for (const row of conversations.values()) this.#arranged(profile, row)
    for (const id of rooms) {
      if (!there.some(({ row }) => row.id === id)) continue
      const oldest = loaded.get(id)?.complete === true ? 0 : Number(loaded.get(id)?.oldest ?? 0)
      const shown = [...messages.values()].filter(
        (row) => row.conversationId === id && Number(row.position) >= oldest && Number(row.position) < PENDING_POSITION,
      )
      const rows = memory.rowsOf(id).filter(({ position }) => position >= oldest)
      compare(
        `the transcript of ${id} in ${profile.database}`,
        byId(shown.map((row) => without(row, 'delivery'))),
        byId(rows.map((row) => toMessage(memory, row))),
      )
    }
  }

  /** How the person keeps a room is what the server has of it, and the room stands where that says. */
  #arranged(profile: Profile, row: Row): void {
    // What is in this table came out of web/store.
    const room = row as StoredConversation
    const again = shelved(room)
    if (again.shelf !== room.shelf || again.place !== room.place) throw new Violation('diverged', `${room.id} is not on its shelf`)
    if (room.deleted) return
    const { pin = null, archived = false, tags = [] } = keptOf(this.#world.disk.memory, room.id, profile.person.id) ?? {}
    compare(`how ${room.id} is kept in ${profile.database}`, [JSON.stringify(room.arranged)], [JSON.stringify({ pin, archived, tags })])
  }

  #table(profile: Profile, table: string): ReadonlyMap<unknown, Row> {
    const rows = this.#world.browsers.rows(profile.database, table)
    if (!rows) throw new Violation('rest', `${profile.database} is still being written`)
    return rows
  }
}

/** The id of the message that a call in the outbox sends; null: it sends none. */
function messageOf(call: unknown): string | null {
  // What is in this table came out of web/store.
  const { procedure, input } = call as OutboxCall
  switch (procedure) {
    case 'message.send':
    case 'message.edit':
      return input.id
    case 'message.regenerate':
      return input.replyId
    case 'message.select':
    case 'message.withdraw':
    case 'conversation.create':
    case 'conversation.update':
    case 'conversation.arrange':
    case 'conversation.remove':
    case 'reply.stop':
    case 'reply.resume':
      return null
  }
}

/** The server makes the ids of a copied path itself. */
function isCopy(id: string): boolean {
  return id[14] === '4'
}

/** A row as the server has it: without what only the store knows. */
function without(row: Row, ...names: string[]): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)))
}

function byId(rows: readonly object[]): string[] {
  return rows
    .map((row) => JSON.stringify(Object.fromEntries(Object.entries(row).sort(([left], [right]) => (left < right ? -1 : 1)))))
    .sort()
}

function compare(what: string, mine: readonly string[], theirs: readonly string[]): void {
  if (Bun.hash(mine.join('\n')) === Bun.hash(theirs.join('\n'))) return
  const extra = mine.filter((row) => !theirs.includes(row))
  const missing = theirs.filter((row) => !mine.includes(row))
  throw new Violation('diverged', `${what}: stored ${extra.join(' ')}, should be ${missing.join(' ')}`)
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `…${text.slice(-80)}` : text)
}
