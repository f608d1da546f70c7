import type { Refused } from '../lib/refused.ts'
import { Channel } from './channel.ts'
import { type Clock, systemClock } from './clock.ts'
import { Database } from './database.ts'
import { LiveTexts } from './live-texts.ts'
import { LiveThoughts } from './live-thoughts.ts'
import { Typing } from './typing.ts'
import { Value } from './value.ts'

export type Connection = 'online' | 'connecting' | 'offline'

/** What an island may ask of the network in this tab. */
export type Request =
  | { kind: 'earlier'; conversationId: string; limit: number }
  /** With the newest client there is. */
  | { kind: 'reload' }
  /** `done(false)`: the server could not be reached, and nothing was changed. */
  | { kind: 'leave'; done: (left: boolean) => void }
  /** To tell the others in a room that this person is writing. */
  | { kind: 'typing'; conversationId: string }
  /** Any call of the contract, made once and at once. */
  | { kind: 'ask'; procedure: string; input: unknown; done: (outcome: Outcome) => void }

export type Outcome = { kind: 'answer'; output: unknown } | { kind: 'refused'; refused: Refused }

/** Everything that one tab knows about one person's rooms: rows that last (`db`), and what lives only as long as the tab. */
export type Store = {
  readonly personId: string
  readonly db: Database
  readonly live: LiveTexts
  readonly thoughts: LiveThoughts
  readonly typing: Typing
  readonly requests: Channel<Request>
  readonly connection: Value<Connection>
  /** The server speaks a newer wire than this page: only a reload helps. */
  readonly outdated: Value<boolean>
  /** A newer client is stored in this browser and waits for the reader's word. */
  readonly updateReady: Value<boolean>
  /** Rooms that the server says are not there for this person. */
  readonly missing: Value<ReadonlySet<string>>
}

let opened: Store | null = null

/** A store of its own: tests may have several in one process. */
export function createStore(personId: string, clock: Clock = systemClock): Store {
  return {
    personId,
    db: new Database(personId),
    live: new LiveTexts(clock),
    thoughts: new LiveThoughts(clock),
    typing: new Typing(clock),
    requests: new Channel<Request>(),
    connection: new Value<Connection>('connecting'),
    outdated: new Value(false),
    updateReady: new Value(false),
    missing: new Value<ReadonlySet<string>>(new Set()),
  }
}

/** Opens the store of a person for this tab's queries and commands. */
export function openStore(personId: string): Store {
  return useStore(createStore(personId))
}

/** Makes a store the one that queries and commands use: where several tabs are in one process, they take turns. */
export function useStore(store: Store): Store {
  opened = store
  return store
}

/** The store of this tab. */
export function store(): Store {
  if (!opened) throw new Error('openStore has to be called first')
  return opened
}

/** Remembers whether the server knows a room. */
export function markMissing(target: Store, conversationId: string, isMissing: boolean): void {
  if (target.missing.current.has(conversationId) === isMissing) return
  const next = new Set(target.missing.current)
  if (isMissing) next.add(conversationId)
  else next.delete(conversationId)
  target.missing.set(next)
}
