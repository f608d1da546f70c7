import type { Change } from '../store/apply.ts'
import { systemClock } from '../store/clock.ts'
import { markMissing, type Store } from '../store/store.ts'
import { Background } from './background.ts'
import { backoffMs } from './backoff.ts'
import { Departure } from './departure.ts'
import { Frames } from './frames.ts'
import { greet, OtherPerson } from './greeting.ts'
import { History } from './history.ts'
import { browserLocks } from './locks.ts'
import type { EngineOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import type { Parts } from './parts.ts'
import { Presence } from './presence.ts'
import { Replies } from './replies.ts'
import { serveRequests } from './requests.ts'
import { Rooms } from './rooms.ts'
import { createRpc } from './rpc.ts'
import { Status } from './status.ts'
import type { Wire } from './wire.ts'
import { Writer } from './writer.ts'

export type { EngineOptions } from './options.ts'

/** Keeps a store and the server in step until the result is called. */
export function start(store: Store, options: EngineOptions): () => void {
  const engine = new Engine(store, options)
  return () => engine.stop()
}

/** `greeting`: connected, and the first answers are on their way. */
type State = { kind: 'connecting' } | { kind: 'greeting' } | { kind: 'online' } | { kind: 'ended' }

class Engine {
  readonly #store: Store
  readonly #options: EngineOptions
  readonly #parts: Parts
  readonly #wire: Wire
  readonly #status: Status
  readonly #replies: Replies
  readonly #rooms: Rooms
  readonly #frames: Frames
  readonly #history: History
  readonly #presence: Presence
  readonly #outbox: Outbox
  readonly #departure: Departure
  readonly #background: Background | null
  readonly #stops: (() => void)[] = []
  #state: State = { kind: 'connecting' }

  constructor(store: Store, options: EngineOptions) {
    this.#store = store
    this.#options = options
    const clock = options.clock ?? systemClock
    this.#wire = options.transport(clock)
    this.#parts = {
      store,
      clock,
      random: options.random ?? Math.random,
      rpc: createRpc(this.#wire, clock),
      writer: new Writer(store.db, clock, (changes, cursors) => this.#written(changes, cursors)),
    }
    this.#status = new Status(store.connection, clock, options.hasNetwork ?? (() => true))
    this.#replies = new Replies(this.#parts, () => options.sight?.visible() ?? true)
    this.#rooms = new Rooms(this.#parts, this.#replies, () => {
      this.#frames.release()
      this.#presence.seen()
    })
    this.#frames = new Frames(this.#parts, this.#rooms, this.#replies)
    this.#history = new History(this.#parts)
    this.#presence = new Presence(this.#parts, this.#rooms, options)
    const { locks = browserLocks(), leisure, signOut, onSignedOut, onReplaced } = options
    this.#outbox = new Outbox(this.#parts, locks, (id) => void this.#rooms.pull(id))
    this.#background = leisure ? new Background(this.#parts, this.#rooms, locks, leisure) : null
    this.#departure = new Departure(store, clock, { signOut, onSignedOut, onReplaced: () => onReplaced?.(), stop: () => this.stop() })
    this.#status.trying()
    this.#listen('state', () => this.#stateOfWire())
    this.#listen('open', () => this.#opened())
    this.#listen('push', (event) => {
      this.#background?.heard()
      if (event instanceof MessageEvent && typeof event.data === 'string') this.#frames.receive(event.data)
    })
    this.#stops.push(
      this.#departure.watch(),
      options.route.onChange(() => this.#rooms.open(options.route.current())),
      serveRequests(this.#parts, { history: this.#history, departure: this.#departure, presence: this.#presence }),
    )
    this.#rooms.open(options.route.current())
    if (this.#wire.state === 'online') this.#opened()
  }

  stop(): void {
    this.#end()
    this.#wire.close()
  }

  #end(): void {
    this.#state = { kind: 'ended' }
    for (const stop of this.#stops.splice(0)) stop()
    this.#status.stop()
    this.#outbox.stop()
    this.#presence.stop()
    this.#history.offline()
    this.#background?.offline()
    this.#rooms.disconnected()
    this.#frames.stop()
    this.#replies.stop()
    this.#parts.writer.stop()
  }

  #listen(type: string, listener: (event: Event) => void): void {
    this.#wire.addEventListener(type, listener)
    this.#stops.push(() => this.#wire.removeEventListener(type, listener))
  }

  #stateOfWire(): void {
    switch (this.#wire.state) {
      case 'connecting':
      case 'waiting':
        if (this.#state.kind !== 'connecting') this.#lost()
        return this.#status.trying()
      case 'signedOut':
        this.#end()
        return this.#departure.signedOut()
      case 'outdated':
        this.#end()
        this.#store.outdated.set(true)
        return this.#store.connection.set('offline')
      case 'online':
      case 'closed':
        return
    }
  }

  #lost(): void {
    this.#state = { kind: 'connecting' }
    this.#outbox.offline()
    this.#presence.offline()
    this.#history.offline()
    this.#background?.offline()
    this.#rooms.disconnected()
  }

  #opened(): void {
    const greeting: State = { kind: 'greeting' }
    this.#state = greeting
    this.#frames.connected()
    this.#rooms.connected()
    void this.#greet(greeting, 0)
  }

  async #greet(greeting: State, failures: number): Promise<void> {
    const { clock, random } = this.#parts
    try {
      await greet(this.#parts, () => this.#state === greeting)
    } catch (error) {
      if (error instanceof OtherPerson) {
        this.stop()
        return this.#options.onOtherPerson?.()
      }
      clock.after(backoffMs(failures, random, 1_000), () => {
        if (this.#state === greeting) void this.#greet(greeting, failures + 1)
      })
      return
    }
    if (this.#state !== greeting) return
    this.#state = { kind: 'online' }
    this.#frames.listed()
    this.#status.online()
    this.#outbox.online()
    this.#presence.online()
    this.#history.online()
    this.#background?.online()
  }

  #written(changes: readonly Change[], cursors: ReadonlyMap<string, number>): void {
    for (const [conversationId, cursor] of cursors) this.#frames.reached(conversationId, cursor)
    for (const change of changes) {
      if (change.kind === 'messages') this.#replies.stored(change.rows)
      else if (change.kind === 'page' || change.kind === 'history') this.#replies.stored(change.answer.messages)
      else if (change.kind === 'conversation') this.#exists(change.row.id)
      else if (change.kind === 'gone') this.#gone(change.conversationId)
      else if (change.kind === 'answered') this.#options.onSent?.()
      else if (change.kind === 'list') for (const { id, deleted } of change.answer.conversations) if (!deleted) this.#exists(id)
    }
  }

  // A room that was not there when the reader opened it may be there now.
  #exists(conversationId: string): void {
    if (this.#state.kind === 'ended') return
    markMissing(this.#store, conversationId, false)
    this.#rooms.noticed(conversationId)
    this.#background?.noticed(conversationId)
  }

  #gone(conversationId: string): void {
    this.#rooms.gone(conversationId)
    markMissing(this.#store, conversationId, true)
  }
}
