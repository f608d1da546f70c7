import type { Outcome, Request } from '../store/store.ts'
import type { Departure } from './departure.ts'
import type { History } from './history.ts'
import type { Parts } from './parts.ts'
import type { Presence } from './presence.ts'
import { refusedBy } from './refusal.ts'
import type { Client } from './rpc.ts'

type Servants = { history: History; departure: Departure; presence: Presence }
type Call = (input: unknown, options: { signal: AbortSignal }) => Promise<unknown>

/** Serves what islands ask of the network, until the result is called. */
export function serveRequests(parts: Parts, { history, departure, presence }: Servants): () => void {
  return parts.store.requests.on((request) => {
    switch (request.kind) {
      case 'earlier':
        return history.request(request.conversationId, request.limit)
      case 'leave':
        return void departure.leave().then(request.done)
      case 'typing':
        return presence.typing(request.conversationId)
      case 'ask':
        return void answer(parts, request).then(request.done)
      case 'reload':
        return
    }
  })
}

async function answer({ rpc }: Parts, { procedure, input }: Extract<Request, { kind: 'ask' }>): Promise<Outcome> {
  try {
    return { kind: 'answer', output: await rpc.call((client, options) => callOf(client, procedure)(input, options)) }
  } catch (error) {
    return { kind: 'refused', refused: refusedBy(error) }
  }
}

// Whoever asks has a name and an input of the contract's, and the server looks at both.
function callOf(client: Client, procedure: string): Call {
  const [noun = '', verb = ''] = procedure.split('.')
  const call = (client as unknown as Record<string, Record<string, Call>>)[noun]?.[verb]
  if (!call) throw new Error(`There is no procedure "${procedure}"`)
  return call
}
