import { isOpen, newId, type Person } from '#contract'
import { archiveRooms, movePinned, pinRooms, tagRooms, unpinRooms } from '../../web/store/arranging.ts'
import { editPrompt, forkFrom, regenerateReply, selectVersion } from '../../web/store/branches.ts'
import {
  discardSend,
  newConversation,
  renameConversation,
  resumeReply,
  retrySend,
  sendPrompt,
  stopReply,
} from '../../web/store/commands.ts'
import { removeRooms, restoreRooms } from '../../web/store/removing.ts'
import { useStore } from '../../web/store/store.ts'
import type { Peek } from './browser.ts'
import { Checks, Violation } from './checks.ts'
import { addMember, addPerson, create, Memory, memoryDb } from './memory-records.ts'
import { promptText, ScriptedModel } from './model-answers.ts'
import { forgetLinks, watch } from './network.ts'
import { after, between, jumpClock, now, restart, run } from './realm.ts'
import type { Operation, Schedule } from './schedule.ts'
import { Disk, ServerProcess } from './server-process.ts'
import { Profile, sendNote, Tab } from './tab.ts'

/** A message that a command has taken: from then on it must not be lost. */
export type Sent = {
  readonly id: string
  readonly number: number
  readonly room: string
  readonly profile: Profile
  readonly kind: 'prompt' | 'note'
  /** Its place among everything that was sent from this browser. */
  readonly order: number
}

const START_MS = 40
/** So long everything may take, once everything is well again, to be sent, answered and the same in all tabs, stores and the database. */
const CONVERGE_MS = 5_000
/** Longer than this no server waits for a model. */
const PATIENCE_MS = 60_500
const SLICE_MS = 250
/** So long a removal can be taken back. */
const TAKEN_BACK_MS = 1_000

/** Everything there is in one run. */
export class World {
  readonly disk = new Disk(new Memory())
  readonly model = new ScriptedModel()
  readonly profiles: Profile[]
  /** Open or closed. */
  readonly allTabs: Tab[] = []
  readonly sent: Sent[] = []
  /** Of every reply, the revisions of its row that people have asked to go on from. */
  readonly resumed = new Map<string, Set<number>>()
  /** Of every reply, how often people have asked for another one beside it. */
  readonly again = new Map<string, number>()
  /** Rooms that somebody has wanted to remove, with the browser in which. */
  readonly removed = new Map<string, Set<Profile>>()
  /** Messages that were refused and then given up. */
  readonly discarded = new Set<string>()
  readonly people: Person[]
  readonly browsers: Peek
  readonly bugs: string[] = []
  /** What happened, for a person who reads it. */
  readonly trace: string[] = []
  server: ServerProcess
  readonly #checks: Checks
  readonly #traced: boolean
  #numbers = 0
  #healed = false

  constructor({ seed, people, tabs, titles = false, thoughts = false }: Schedule, browsers: Peek, traced: boolean) {
    this.#traced = traced
    restart(seed)
    forgetLinks()
    browsers.wipe()
    this.browsers = browsers
    const { memory } = this.disk
    memory.titles = titles
    this.model.thinks = thoughts
    this.people = people.map((_, index) => ({ id: newId(), name: `Person ${index}`, kind: index === 0 ? 'owner' : 'member' }))
    for (const person of this.people) addPerson(memory, person)
    const room = newId()
    const [owner] = this.people
    if (!owner) throw new Error('nobody is there')
    void create(memoryDb({ run: async (work) => work(memory), peek: () => memory }), owner, room, {})
    for (const person of this.people.slice(1)) addMember(memory, room, person.id, 'participant')
    this.profiles = this.people.flatMap((person, index) =>
      Array.from({ length: people[index] ?? 1 }, (_, browser) => new Profile(person, browser)),
    )
    this.server = this.#startServer()
    this.#checks = new Checks(this)
    watch.carried = traced ? (link, direction, text) => this.say(() => `${link} ${direction === 'toClient' ? '<-' : '->'} ${text}`) : null
    for (const [index, browser] of tabs.entries()) {
      const profile = this.profiles[browser % this.profiles.length]
      if (profile) this.allTabs.push(new Tab(index, profile, room, () => this.server))
    }
  }

  get tabs(): readonly Tab[] {
    return this.allTabs.filter(({ open }) => open)
  }

  /** Runs a schedule to its end. Throws a Violation. */
  play(operations: readonly Operation[]): void {
    try {
      this.run(START_MS)
      for (const operation of operations) {
        this.say(() => JSON.stringify(operation))
        this.#perform(operation)
        this.run(operation.waitMs)
        this.#checks.stores()
      }
      this.#heal()
      this.#settle()
    } finally {
      for (const tab of this.allTabs) tab.close()
      this.server.crash()
      // What is on its way now would run at the start of the next schedule, and change it.
      run(0, () => {})
    }
  }

  run(ms: number): void {
    run(ms, () => this.#checks.screens())
  }

  say(what: () => string): void {
    if (this.#traced) this.trace.push(`${now().toFixed(1)} ${what()}`)
  }

  #startServer(): ServerProcess {
    this.#notePatience()
    const server = new ServerProcess(this.disk, this.model, (event, error) => this.bugs.push(`${event}: ${error}`))
    server.onCrash = () => this.say(() => 'the server is dead')
    server.onFailedStart = () => this.#restart(200)
    return server
  }

  /** A server waits for what an earlier one was told, and when the clock was set back it waits for long. */
  #notePatience(): void {
    for (const { state, retryAt } of this.disk.memory.messages.values()) {
      if (state === null || !isOpen(state) || retryAt === null) continue
      const leftMs = Math.min(Math.max(0, retryAt.getTime() - Date.now()), PATIENCE_MS)
      this.model.patientUntil = Math.max(this.model.patientUntil, now() + leftMs)
    }
  }

  #restart(downMs: number): void {
    after(downMs, () => {
      if (this.server.alive) return
      this.say(() => 'the server starts')
      this.server = this.#startServer()
    })
  }

  #tab(index: number): Tab {
    const tab = this.allTabs[index % this.allTabs.length]
    if (!tab) throw new Error('no tab')
    return tab
  }

  #perform(operation: Operation): void {
    switch (operation.kind) {
      case 'send':
      case 'note':
        return this.#send(this.#tab(operation.tab), operation.kind === 'send' ? 'prompt' : 'note')
      case 'create':
        return this.#command(this.#tab(operation.tab), async () => {
          const tab = this.#tab(operation.tab)
          tab.goTo(await newConversation())
        })
      case 'rename':
        return this.#inRoom(operation.tab, (room) => renameConversation(room, `name ${++this.#numbers}`))
      case 'remove':
        return this.#inRoom(operation.tab, (room, tab) => {
          this.removed.set(room, (this.removed.get(room) ?? new Set()).add(tab.profile))
          return removeRooms([room], 0)
        })
      case 'retry':
      case 'discard':
        return this.#failed(this.#tab(operation.tab), operation.kind)
      case 'rebuild':
        return this.#rebuild(this.#tab(operation.tab))
      case 'close':
        return this.#close(this.#tab(operation.tab), operation.ms)
      case 'stop':
        return this.#ofReply(operation, (id) => stopReply(id))
      case 'resume':
        return this.#ofReply(operation, (id, revision) => {
          this.resumed.set(id, (this.resumed.get(id) ?? new Set()).add(revision))
          return resumeReply(id)
        })
      case 'edit':
        return this.#edit(operation)
      case 'regenerate':
        return this.#ofMessage(
          operation,
          (row) => row.kind === 'reply',
          (id) => {
            this.again.set(id, (this.again.get(id) ?? 0) + 1)
            return regenerateReply(id)
          },
        )
      case 'select':
        return this.#ofMessage(
          operation,
          (row) => row.kind !== 'note',
          (id) => selectVersion(id),
        )
      case 'fork':
        return this.#ofMessage(
          operation,
          (row) => row.kind !== 'note',
          // Whoever is refused, or hears nothing, may ask again.
          (id) => forkFrom(id).catch(() => undefined),
        )
      case 'keep':
        return this.#keep(operation)
      case 'take back':
        return this.#takeBack(operation)
      case 'go': {
        const tab = this.#tab(operation.tab)
        const rooms = this.#rows(tab.profile, 'conversations').filter(({ deleted }) => deleted === false)
        const room = rooms[operation.which % Math.max(1, rooms.length)]?.id
        if (typeof room === 'string') tab.goTo(room)
        return
      }
      case 'reload':
        return this.#tab(operation.tab).reload()
      case 'cut':
        return this.#tab(operation.tab).link.connection?.cut()
      case 'go silent':
        return this.#tab(operation.tab).link.connection?.goSilent()
      case 'release':
      case 'online': {
        const tab = this.#tab(operation.tab)
        tab.link.state = 'up'
        tab.link.release()
        if (operation.kind === 'online') tab.signal('online')
        return
      }
      case 'hold':
        return this.#tab(operation.tab).link.hold(operation.direction)
      case 'offline': {
        const tab = this.#tab(operation.tab)
        tab.link.state = operation.state
        if (operation.state === 'refusing') {
          tab.link.connection?.cut()
          tab.signal('offline')
        } else tab.link.connection?.goSilent()
        return
      }
      case 'freeze':
        return this.#tab(operation.tab).freeze(operation.ms)
      case 'fate':
        this.#tab(operation.tab).link.fates.push({ kind: operation.frame, fate: operation.fate })
        return
      case 'crash':
        if (this.server.alive) this.server.crashAfter(operation.effects)
        else this.#restart(0)
        return this.#restart(operation.downMs + between(0, 50))
      case 'database':
        this.disk.database = operation.state
        after(operation.ms, () => this.disk.heal())
        return
      case 'break':
        this.disk.breaks.push(operation.when)
        return
      case 'model':
        this.model.faults.push(operation.fault)
        return
      case 'disk full':
        this.disk.full = true
        after(operation.ms, () => void (this.disk.full = false))
        return
      case 'clock':
        return jumpClock(operation.ms)
    }
  }

  /** Runs a command as the page of a tab does. What it was doing when the tab went away is nobody's. */
  #command(tab: Tab, command: () => Promise<unknown>): void {
    // Nobody is there to do it.
    if (!tab.open || tab.frozen) return
    useStore(tab.store)
    const { store } = tab
    command().catch((error: unknown) => {
      if (tab.store === store && tab.open) this.bugs.push(`a command failed: ${String(error)}`)
    })
  }

  #inRoom(index: number, command: (room: string, tab: Tab) => Promise<unknown>): void {
    const tab = this.#tab(index)
    const { room } = tab
    if (room !== null) this.#command(tab, () => command(room, tab))
  }

  #send(tab: Tab, kind: Sent['kind']): void {
    const { room, profile, store } = tab
    const shown = room === null ? undefined : this.browsers.rows(profile.database, 'conversations')?.get(room)
    // The page shows no composer for a room that is not there.
    if (room === null || !shown || shown.deleted === true || store.missing.current.has(room)) return
    const number = ++this.#numbers
    this.#command(tab, async () => {
      const text = promptText(number)
      const id = await (kind === 'prompt' ? sendPrompt(room, text) : sendNote(store, room, text))
      this.sent.push({ id, number, room, profile, kind, order: this.sent.length })
      this.say(() => `sent #${number} ${id}`)
    })
  }

  #ofReply(
    { tab: index, which, kind }: Extract<Operation, { which: number }>,
    ask: (id: string, revision: number) => Promise<unknown>,
  ): void {
    const tab = this.#tab(index)
    const replies = this.#rows(tab.profile, 'messages').filter(
      (row) =>
        row.kind === 'reply' &&
        row.conversationId === tab.room &&
        (row.state === 'queued' || row.state === 'streaming') === (kind === 'stop') &&
        (kind === 'stop' || row.state !== 'complete' || row.truncated === true),
    )
    const reply = replies[replies.length - 1 - (which % Math.max(1, replies.length))]
    if (reply) this.#command(tab, () => ask(String(reply.id), Number(reply.revision)))
  }

  #ofMessage(
    { tab: index, which }: Extract<Operation, { which: number }>,
    takes: (row: Readonly<Record<string, unknown>>) => boolean,
    ask: (id: string) => Promise<unknown>,
  ): void {
    const tab = this.#tab(index)
    const rows = this.#rows(tab.profile, 'messages').filter(
      (row) => row.conversationId === tab.room && row.delivery === 'sent' && takes(row),
    )
    const row = rows[rows.length - 1 - (which % Math.max(1, rows.length))]
    if (row) this.#command(tab, () => ask(String(row.id)))
  }

  /** A room is pinned, moved, put away or gets a tag, or the other way round. */
  #keep({ tab: index, which }: Extract<Operation, { which: number }>): void {
    const tab = this.#tab(index)
    const rooms = this.#rows(tab.profile, 'conversations').filter(({ deleted }) => deleted === false)
    const id = rooms[(this.#numbers + which) % Math.max(1, rooms.length)]?.id
    if (typeof id !== 'string') return
    const word = `tag ${++this.#numbers % 3}`
    const deeds = [
      () => pinRooms([id]),
      () => unpinRooms([id]),
      () => movePinned(id, tab.room),
      () => archiveRooms([id], this.#numbers % 2 === 0),
      () => tagRooms([id], word, true),
      () => tagRooms([id], word, false),
    ]
    const deed = deeds[which % deeds.length]
    if (deed) this.#command(tab, deed)
  }

  /** A room is removed, and before anybody has been told, most often it is not. */
  #takeBack({ tab: index, which }: Extract<Operation, { which: number }>): void {
    const tab = this.#tab(index)
    const { room, profile } = tab
    if (room === null) return
    this.removed.set(room, (this.removed.get(room) ?? new Set()).add(profile))
    this.#command(tab, () => removeRooms([room], TAKEN_BACK_MS))
    if (which > 0) after(which * 100, () => this.#command(tab, () => restoreRooms([room])))
  }

  #edit(operation: Extract<Operation, { which: number }>): void {
    const { room, profile } = this.#tab(operation.tab)
    if (room === null) return
    const number = ++this.#numbers
    this.#ofMessage(
      operation,
      (row) => row.kind === 'prompt' && JSON.stringify(row.author).includes(profile.person.id),
      async (of) => {
        const id = await editPrompt(of, promptText(number))
        if (id !== null) this.sent.push({ id, number, room, profile, kind: 'prompt', order: this.sent.length })
      },
    )
  }

  #failed(tab: Tab, way: 'retry' | 'discard'): void {
    const failed = this.#rows(tab.profile, 'messages').find(({ delivery }) => delivery === 'failed')
    if (!failed) return
    const id = String(failed.id)
    if (way === 'retry') return this.#command(tab, () => retrySend(id))
    this.discarded.add(id)
    this.#command(tab, () => discardSend(id))
  }

  #close(tab: Tab, ms: number): void {
    if (!tab.open) return
    tab.close()
    after(ms, () => {
      if (!this.#healed && !tab.open) tab.reload()
    })
  }

  /** A page comes whose store has another form: it waits until the tabs of its browser have let go of the old one. */
  #rebuild({ profile }: Tab): void {
    profile.newer++
    const [first, ...others] = this.tabs.filter((tab) => tab.profile === profile)
    first?.reload()
    // A browser gives up a frozen page that holds a store which another one waits for.
    for (const tab of others) if (tab.frozen) tab.reload()
  }

  #rows(profile: Profile, table: string): Readonly<Record<string, unknown>>[] {
    return [...(this.browsers.rows(profile.database, table)?.values() ?? [])]
  }

  /** Every fault ends, and every browser says that the network is there. */
  #heal(): void {
    this.#healed = true
    this.say(() => 'everything is well again')
    this.disk.heal()
    this.disk.full = false
    this.model.healed = true
    this.server.crashAfter(Number.POSITIVE_INFINITY)
    if (!this.server.alive) this.server = this.#startServer()
    this.#notePatience()
    // The patience that the model has asked for is a part of what heals.
    this.run(Math.max(SLICE_MS, this.model.patientUntil - now()))
    for (const tab of this.allTabs) {
      tab.link.state = 'up'
      tab.link.fates.length = 0
      tab.thaw()
      tab.link.release()
      tab.signal('online')
    }
  }

  #settle(): void {
    this.#converge()
    // What is closed comes back with what it had not sent.
    const closed = this.allTabs.filter(({ open }) => !open)
    for (const tab of closed) tab.reload()
    if (closed.length > 0) this.#converge()
    for (const tab of this.tabs) {
      for (const room of this.disk.memory.rooms.values()) {
        if (room.row.deletedAt === null && room.members.has(tab.profile.person.id)) {
          tab.goTo(room.row.id)
          this.run(SLICE_MS)
        }
      }
    }
    this.run(CONVERGE_MS)
    this.#checks.everywhere()
  }

  /** Everything has so long to be sent, answered and the same everywhere. */
  #converge(): void {
    this.run(CONVERGE_MS)
    if (!this.#checks.atRest()) throw new Violation('rest', this.#checks.unrest())
    this.#checks.end()
  }
}

/** Runs one schedule; `traced` writes down everything that happens. Null: all is well. */
export function play(schedule: Schedule, browsers: Peek, traced = false): { violation: Violation; trace: readonly string[] } | null {
  const world = new World(schedule, browsers, traced)
  try {
    world.play(schedule.operations)
    return null
  } catch (error) {
    return {
      violation: error instanceof Violation ? error : new Violation('broken', String(error instanceof Error ? error.stack : error)),
      trace: world.trace,
    }
  }
}
