import { type Person, WIRE } from '#contract'
import type { Log } from '../../server/log.ts'
import { createPasskeys } from '../../server/access/passkeys.ts'
import { createRouter } from '../../server/procedures/index.ts'
import { Budgets } from '../../server/replies/budgets.ts'
import type { Ending, Header, Journal, Journals, Used } from '../../server/replies/journal.ts'
import type { Model } from '../../server/replies/model.ts'
import { ReplyQueue } from '../../server/replies/queue.ts'
import { lookAgain, recover } from '../../server/replies/recover.ts'
import { createLocalBus } from '../../server/rooms/bus.ts'
import { createChanges } from '../../server/rooms/changes.ts'
import { Presence } from '../../server/rooms/presence.ts'
import { Readers } from '../../server/rooms/readers.ts'
import { createSocketHandlers } from '../../server/rooms/socket.ts'
import { type Connection as SocketData, Sockets } from '../../server/rooms/sockets.ts'
import { type Memory, memoryDb } from './memory-records.ts'
import type { ScriptedModel } from './model-answers.ts'
import type { Connection, Link, Listener, ServerEnd } from './network.ts'
import { after, between, chance } from './realm.ts'

/** Fewer than there are rooms: some replies wait for a place. */
const REPLIES_AT_ONCE = 2

/** What is in a journal's file. */
type JournalFile = Header & { text: string; asked: boolean; used: Used | null; ending: Ending | null; endedAt: Date | null }

/** What outlives a server: its database and its data directory. `database` is how the way to it is. */
export class Disk {
  readonly memory: Memory
  readonly journals = new Map<string, JournalFile>()
  database: 'well' | 'away' | 'stalled' = 'well'
  /** Of the next transactions, how many lose their connection, before or after the commit. */
  readonly breaks: ('before' | 'after')[] = []
  /** Journals take no more. */
  full = false
  readonly #stalled: (() => void)[] = []

  constructor(memory: Memory) {
    this.memory = memory
  }

  stalled(go: () => void): void {
    this.#stalled.push(go)
  }

  heal(): void {
    this.database = 'well'
    this.breaks.length = 0
    for (const go of this.#stalled.splice(0)) go()
  }
}

/** One life of the server, with its real procedures, rooms and replies, from start to kill -9. */
export class ServerProcess implements Listener {
  readonly #disk: Disk
  readonly #onBug: (event: string, error: string) => void
  readonly topics = new Map<string, Set<ServerEnd>>()
  readonly connections = new Set<Connection>()
  #handlers: Listener['handlers'] | null = null
  #stop: () => void = () => {}
  #state: 'starting' | 'serving' | 'dead' = 'starting'
  /** So many effects from now, the process is killed. */
  #left = Number.POSITIVE_INFINITY
  onCrash: () => void = () => {}
  onFailedStart: () => void = () => {}

  constructor(disk: Disk, model: ScriptedModel, onBug: (event: string, error: string) => void) {
    this.#disk = disk
    this.#onBug = onBug
    // The start fails, and whatever watches over the process starts it again.
    this.#start(model.of(() => this.alive)).catch(() => {
      if (!this.alive) return
      this.crash()
      this.onFailedStart()
    })
  }

  /** What server/index.ts does, with what is around it replaced. */
  async #start(model: Model): Promise<void> {
    const db = memoryDb({ run: (work) => this.#transaction(work) })
    const log = this.#log()
    const bus = createLocalBus()
    const sockets = new Sockets(() => {})
    const presence = new Presence({ db, bus, log })
    // Nobody reads a share here.
    const readers = new Readers(async () => null)
    const changes = createChanges({ bus, sockets, presence, readers, look: (id) => lookAgain(db, replies, id) })
    const budgets = await Budgets.open(db)
    const parts = { db, bus, changes, model, log, budgets, journals: this.#journals() }
    const replies = new ReplyQueue(parts, REPLIES_AT_ONCE)
    const router = createRouter({
      db,
      bus,
      database: 'embedded',
      changes,
      passkeys: createPasskeys({ db, log }),
      presence,
      readers,
      replies,
      budgets,
      sockets,
      model,
      version: '0',
      startedAt: Date.now(),
    })
    this.#handlers = createSocketHandlers({ router, sockets, presence, readers, onError: (error) => this.#failed(error) }).handlers
    const waiting = await recover(parts)
    if (this.#state !== 'starting') return
    const close = presence.open()
    this.#stop = () => void close()
    bus.attach({
      // The bus publishes texts only.
      publish: (topic, text) => (typeof text === 'string' ? this.#publish(topic, text) : 0),
      subscriberCount: (topic) => this.topics.get(topic)?.size ?? 0,
    })
    this.#state = 'serving'
    for (const reply of waiting) replies.add(reply)
  }

  get handlers(): Listener['handlers'] {
    if (!this.#handlers) throw new Error('the server does not listen yet')
    return this.#handlers
  }

  get alive(): boolean {
    return this.#state !== 'dead'
  }

  get serving(): boolean {
    return this.#state === 'serving'
  }

  accept(link: Link): SocketData | null {
    if (!this.serving || this.#disk.database !== 'well') return null
    const person = personOf(link)
    // One session is as good as several here, but it has to be an id.
    return { sessionId: person.id, origin: '', person, wire: WIRE, rooms: new Map(), joining: new Set() }
  }

  effect(): boolean {
    if (!this.alive) return false
    if (this.#left-- > 0) return true
    this.crash()
    return false
  }

  /** kill -9, after so many more effects on the world outside. */
  crashAfter(effects: number): void {
    this.#left = effects
  }

  crash(): void {
    if (!this.alive) return
    this.#state = 'dead'
    // What this writes does not get to the database any more.
    this.#stop()
    for (const connection of [...this.connections]) connection.cut()
    this.onCrash()
  }

  // Every subscriber has a turn in which the process may end, as it may between two writes to two sockets.
  #publish(topic: string, text: string): number {
    for (const socket of [...(this.topics.get(topic) ?? [])]) if (this.effect()) socket.push(text)
    return 0
  }

  #transaction<T>(work: (memory: Memory) => T): Promise<T> {
    const disk = this.#disk
    return new Promise((resolve, reject) => {
      const fail = () => {
        if (this.alive) reject(Object.assign(new Error('connection lost'), { code: 'ECONNRESET' }))
      }
      const begin = () => {
        if (disk.database === 'away') return void after(between(0.1, 2), fail)
        if (disk.database === 'stalled') return disk.stalled(begin)
        const broken = disk.breaks.shift()
        if (broken === 'before') return void after(between(0.1, 2), fail)
        if (!this.effect()) return
        let result: T
        try {
          result = work(disk.memory)
        } catch (error) {
          return reject(error)
        }
        // A database that has gone silent may have carried out what it does not answer.
        const answer = () => {
          if (disk.database === 'stalled') disk.stalled(answer)
          else if (broken === 'after') fail()
          else if (this.alive) resolve(result)
        }
        after(between(0.1, 4), answer)
      }
      after(between(0.1, 4), () => {
        if (this.alive) begin()
      })
    })
  }

  #journals(): Journals {
    const { journals } = this.#disk
    const write = (id: string, change: (file: JournalFile) => void) => {
      if (!this.effect()) return
      if (this.#disk.full) throw new Error('no space left on device')
      const file = journals.get(id)
      if (!file) throw new Error('the journal is gone')
      change(file)
    }
    return {
      create: (header, claimed = true): Journal => {
        if (this.effect()) {
          // There may be room for a line, and none for the next.
          if (this.#disk.full && (!claimed || chance(0.5))) throw new Error('no space left on device')
          if (journals.has(header.id)) throw new Error('the journal exists')
          journals.set(header.id, { ...header, text: '', asked: claimed, used: null, ending: null, endedAt: null })
        }
        let asked = claimed
        return {
          get asked() {
            return asked
          },
          set asked(now) {
            write(header.id, (file) => void (file.asked = now))
            asked = now
          },
          append: (text) => write(header.id, (file) => void (file.text += text)),
          used: (used) => write(header.id, (file) => void (file.used = used)),
          end: (ending, at) =>
            write(header.id, (file) => {
              file.ending = ending
              file.endedAt = at
            }),
          remove: () => {
            if (this.effect()) journals.delete(header.id)
          },
        }
      },
      left: () =>
        [...journals.values()].map((file) => ({
          ...file,
          remove: () => {
            if (this.effect()) journals.delete(file.id)
          },
        })),
    }
  }

  #failed(error: unknown): void {
    const unavailable = error instanceof Error && 'code' in error && error.code === 'UNAVAILABLE'
    if (this.alive && !unavailable) this.#onBug('call.failed', String(error instanceof Error ? (error.cause ?? error) : error))
  }

  #log(): Log {
    const quiet = () => {}
    return {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (event, data) => {
        // A full disk is answered with an error in the log; that is not a bug.
        const full = String(data?.reason).includes('no space left')
        // A start that the database leaves alone half-way says so, and the next one goes on from there.
        const later = event === 'reply.not_restored' && String(data?.reason).includes('connection lost')
        if (this.alive && !full && !later) this.#onBug(event, String(data?.reason))
      },
    }
  }
}

const owners = new WeakMap<Link, Person>()

/** Whose session a link carries. */
export function signIn(link: Link, person: Person): void {
  owners.set(link, person)
}

function personOf(link: Link): Person {
  const person = owners.get(link)
  if (!person) throw new Error('nobody is signed in here')
  return person
}
