import type { Clock } from '../store/clock.ts'
import type { Store } from '../store/store.ts'
import type { Rpc } from './rpc.ts'
import type { Writer } from './writer.ts'

/** What the parts of one engine share. */
export type Parts = {
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  readonly rpc: Rpc
  readonly writer: Writer
}
