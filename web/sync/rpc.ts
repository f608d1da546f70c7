import { createORPCClient, ORPCError } from '@orpc/client'
import type { ContractRouterClient } from '@orpc/contract'
import type { contract } from '#contract'
import type { Clock } from '../store/clock.ts'
import { JsonLink } from './link.ts'
import type { Wire } from './wire.ts'

export type Client = ContractRouterClient<typeof contract>

const TIMEOUT_MS = 10_000

/** No answer came: the connection went away, or the server took too long. The call may or may not have been carried out. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** What a server refuses with, by its code; everything else that a call may fail with is ConnectionLost. */
export { ORPCError as Refusal } from '@orpc/client'

export type Rpc = {
  /** How many calls have no answer yet. */
  readonly inFlight: number
  /** Asks once. Throws a Refusal or ConnectionLost. */
  call<T>(ask: (client: Client, options: { signal: AbortSignal }) => Promise<T>): Promise<T>
}

export function createRpc(wire: Wire, clock: Clock, timeoutMs: number = TIMEOUT_MS): Rpc {
  const client = createORPCClient<Client>(new JsonLink(wire))
  let inFlight = 0
  return {
    get inFlight() {
      return inFlight
    },
    async call(ask) {
      if (wire.readyState !== 1) throw new ConnectionLost('not connected')
      const controller = new AbortController()
      const cancel = clock.after(timeoutMs, () => controller.abort())
      inFlight++
      try {
        return await ask(client, { signal: controller.signal })
      } catch (error) {
        if (error instanceof ORPCError) throw error
        throw new ConnectionLost('no answer', { cause: error })
      } finally {
        inFlight--
        cancel()
      }
    },
  }
}
