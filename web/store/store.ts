import { Channel } from './channel.ts'
import { type Clock, systemClock } from './clock.ts'
import { Database } from './database.ts'
import { LiveTexts } from './live-texts.ts'
import { Value } from './value.ts'

export type Connection = 'online' | 'connecting' | 'offline'

/** What an island may ask of the network in this tab. */
export type Request =
  | { kind: 'earlier'; conversationId: string }
  /** `done(false)`: the server could not be reached, and nothing was changed. */
  | { kind: 'leave'; done: (left: boolean) => void }

/** Everything that one tab knows about one person's rooms: rows that last (`db`), and what lives only as long as the tab. */
export type Store = {
  readonly personId: string
  readonly db: Database
  readonly live: LiveTexts
  readonly requests: Channel<Request>
  readonly connection: Value<Connection>
  /** The server speaks a newer wire than this page: only a reload helps. */
  readonly outdated: Value<boolean>
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
    requests: new Channel<Request>(),
    connection: new Value<Connection>('connecting'),
    outdated: new Value(false),
    missing: new Value<ReadonlySet<string>>(new Set()),
  }
}

/** Makes the store of a person the one that this tab's queries and commands use. */
export function openStore(personId: string): Store {
  opened = createStore(personId)
  return opened
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
