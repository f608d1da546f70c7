import type { Clock } from '../store/clock.ts'

/** `waiting`: until the next try. The last three are final. */
export type WireState = 'connecting' | 'online' | 'waiting' | 'closed' | 'signedOut' | 'outdated'

/**
 * One socket that heals itself, in the shape of a WebSocket. Its events: `open` and `close` for every connection, `message` (oRPC's
 * frames) and `push` (broadcasts) with the text as `data`, `state` after every change of `state`.
 */
export interface Wire extends EventTarget {
  /** 1: open. 3: not now; a call fails at once, for the outbox is what waits. */
  readonly readyState: 1 | 3
  readonly state: WireState
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void
  close(): void
}

/** Opens the way to the server. */
export type Transport = (clock: Clock) => Wire
