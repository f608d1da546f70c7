import { ORPCError, type Router } from '@orpc/server'
import { StandardRPCHandler } from '@orpc/server/standard'
import { createServerPeerHandleRequestFn } from '@orpc/server/standard-peer'
import { ServerPeer } from '@orpc/standard-server-peer'
import { CLOSE, LIMITS } from '#contract'
import type { CallContext, Socket } from './sockets.ts'

type State = { readonly peer: ServerPeer; drained: PromiseWithResolvers<void> | null; inFlight: number }

/**
 * oRPC 1.16 over Bun's sockets. The stock adapter rejects on a malformed frame (which ends a Bun process), ignores what
 * `send` returns (so frames over the limit vanish) and bounds nothing; this one closes the socket that misbehaves and waits for a slow one.
 */
export class Peers {
  readonly #states = new WeakMap<Socket, State>()
  readonly #handler: StandardRPCHandler<CallContext>
  #inFlight = 0

  // oRPC's router type cannot be spelled without any.
  // oxlint-disable-next-line typescript/no-explicit-any
  constructor(router: Router<any, CallContext>, onError: (error: unknown) => void) {
    this.#handler = new StandardRPCHandler(router, {
      clientInterceptors: [
        async (options) => {
          try {
            return await options.next()
          } catch (error) {
            // A refusal is an answer; only what nobody foresaw is worth a line in the log.
            if (!(error instanceof ORPCError) || error.status >= 500) onError(error)
            throw error
          }
        },
      ],
    })
  }

  /** Calls of all sockets that are not answered yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  open(socket: Socket): void {
    const state: State = {
      inFlight: 0,
      drained: null,
      peer: new ServerPeer(async (frame) => {
        if (typeof frame !== 'string' && !(frame instanceof Uint8Array)) throw new Error('a frame of an unknown form')
        const sent = socket.send(frame)
        if (sent === -1) await (state.drained ??= Promise.withResolvers<void>()).promise
        else if (sent === 0) throw new Error('the socket is gone')
      }),
    }
    this.#states.set(socket, state)
  }

  message(socket: Socket, frame: string | Uint8Array<ArrayBuffer>, context: CallContext): void {
    const state = this.#states.get(socket)
    if (!state) return
    if (state.inFlight >= LIMITS.callsInFlight && !isAbort(frame)) {
      socket.close(CLOSE.tooMany, 'too many calls at once')
      return
    }
    state.inFlight++
    this.#inFlight++
    state.peer
      .message(frame, createServerPeerHandleRequestFn(this.#handler, { context }))
      .catch(() => socket.close(CLOSE.malformed, 'malformed frame'))
      .finally(() => {
        state.inFlight--
        this.#inFlight--
      })
  }

  drain(socket: Socket): void {
    const state = this.#states.get(socket)
    state?.drained?.resolve()
    if (state) state.drained = null
  }

  close(socket: Socket): void {
    const state = this.#states.get(socket)
    if (!state) return
    this.#states.delete(socket)
    state.peer.close()
    // Whoever waits for this socket to drain must not wait for ever.
    state.drained?.resolve()
  }
}

/** An abort frees a call, so it has to get through when the calls are at their limit. It is short and names its type. */
function isAbort(frame: string | Uint8Array): boolean {
  return typeof frame === 'string' && frame.length < 100 && frame.endsWith('"t":4}')
}
