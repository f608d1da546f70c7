import type { Leisure } from './leisure.ts'
import type { Locks } from './locks.ts'
import type { Clock } from '../store/clock.ts'
import type { Signals } from './signals.ts'
import type { Transport } from './wire.ts'

/** Which room the reader is in. */
export type Route = { current(): string | null; onChange(listener: () => void): () => void }

/** Whether somebody can see this tab. */
export type Sight = { visible(): boolean; onChange(listener: () => void): () => void }

export type EngineOptions = {
  transport: Transport
  route: Route
  /** Without it, the tab tells nobody that somebody is there. */
  sight?: Sight
  clock?: Clock
  random?: () => number
  locks?: Locks
  /** What the browser thinks of its network: false is a hint, true says nothing. */
  hasNetwork?: () => boolean
  /** Without it, only what the reader opens is fetched. */
  leisure?: () => Promise<Leisure>
  /** The server does not know this session any more. */
  onSignedOut(): void
  /** The session is another person's. */
  onOtherPerson?(): void
  /** A newer page waits to change the form of the store: this one has to be reloaded. */
  onReplaced?(): void
  /** The server has taken something that was written on this device. */
  onSent?(): void
  /** Ends the session on the server; false: it could not be reached. */
  signOut(): Promise<boolean>
}

export type SocketOptions = {
  url: string | (() => string)
  clock?: Clock
  random?: () => number
  everyMs?: number
  deadMs?: number
  connectMs?: number
  signals?: Signals
  /** Asked when no connection comes about: a browser does not tell why an upgrade was refused. Throws when the server is not reached. */
  hasSession?: () => Promise<boolean>
}
