import { type ClientContext, type ClientLink, type ClientOptions, createORPCErrorFromJson, isORPCErrorJson, ORPCError } from '@orpc/client'
import type { Wire } from './wire.ts'

/** oRPC's message that gives up a call; a call itself has no type. */
const ABORT = 4
/** What is missing in an answer that went well. */
const OK = 200

type Answer = { i: string; p?: { s?: number; b?: { json?: unknown } } }

/**
 * oRPC's calls over a wire. Its own link is ten times as large, because it also knows dates, files and streams: everything in the contract
 * is plain JSON. A call is rejected with an ORPCError when the server refuses it, and with the signal's reason or an Error when no answer comes.
 */
export class JsonLink implements ClientLink<ClientContext> {
  readonly #wire: Wire
  readonly #calls = new Map<string, PromiseWithResolvers<unknown>>()
  #count = 0

  constructor(wire: Wire) {
    this.#wire = wire
    wire.addEventListener('message', (event) => {
      if (event instanceof MessageEvent) this.#answered(parse(event.data))
    })
    wire.addEventListener('close', () => {
      for (const { reject } of this.#calls.values()) reject(new Error('the connection was closed'))
    })
  }

  async call(path: readonly string[], input: unknown, { signal }: ClientOptions<ClientContext>): Promise<unknown> {
    signal?.throwIfAborted()
    const id = `${++this.#count}`
    const call = Promise.withResolvers<unknown>()
    const abort = () => {
      this.#wire.send(JSON.stringify({ i: id, t: ABORT }))
      call.reject(signal?.reason)
    }
    this.#calls.set(id, call)
    signal?.addEventListener('abort', abort)
    try {
      this.#wire.send(JSON.stringify({ i: id, p: { u: `/${path.join('/')}`, b: { json: input } } }))
      return await call.promise
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#calls.delete(id)
    }
  }

  #answered(answer: Answer | null): void {
    const call = answer && this.#calls.get(answer.i)
    if (!call) return
    const { s: status = OK, b: body } = answer.p ?? {}
    if (status === OK) call.resolve(body?.json)
    else call.reject(isORPCErrorJson(body?.json) ? createORPCErrorFromJson(body.json) : new ORPCError('MALFORMED', { status }))
  }
}

/** null: not an answer. */
function parse(data: unknown): Answer | null {
  try {
    const value: unknown = JSON.parse(String(data))
    return typeof value === 'object' && value !== null && 'i' in value ? (value as Answer) : null
  } catch {
    return null
  }
}
