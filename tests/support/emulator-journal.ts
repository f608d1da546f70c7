import type { IncomingMessage } from 'node:http'
import { badKey, leakedKey, noKey, nothingHere, type Refusal, unknownModel } from './emulator-errors.ts'
import { canAnswer, describeModel, listModels } from './emulator-models.ts'
import { type Ask, readAsk } from './emulator-request.ts'
import { TITLE_INSTRUCTIONS } from '../../server/replies/title.ts'
import { tokensOf } from './emulator-text.ts'

/** One request as it arrived, and what became of it. */
export type EmulatedRequest = {
  readonly id: number
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The API key, from the header or the query. */
  readonly key: string | null
  /** The body: parsed, or null when it is no JSON, and as it came. */
  readonly body: unknown
  readonly rawBody: string
  readonly model: string | null
  readonly action: string | null
  /** The text of the last user's turn. */
  prompt: string
  /** Milliseconds since 1970, with fractions. */
  readonly startedAt: number
  /** Chunks with content that were sent; thoughts, the final one and errors count too. */
  sentChunks: number
  /** What was last reported as used, thoughts among the output: it grows with every chunk. */
  usage: { prompt: number; output: number; total: number } | null
  /** The client went away before the answer was over. */
  disconnected: boolean
  /** The answer came to its own end, whichever that was. */
  finished: boolean
}

const PATH = /^(?:.*)\/(v1|v1beta)\/models(?:\/([^/:]+)(?::(\w+))?)?$/

export type Wish =
  | { readonly kind: 'asked'; readonly ask: Ask }
  | { readonly kind: 'told'; readonly body: object }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** What a request is about: content, something that is told at once, or a refusal. */
export function understand(request: EmulatedRequest): Wish {
  const [, version = '', model, action] = PATH.exec(request.path) ?? []
  if (version === '') return refused(nothingHere())
  if (request.key === null || request.key === '') return refused(noKey())
  if (request.key.startsWith('bad')) return refused(badKey())
  if (request.key.startsWith('leaked')) return refused(leakedKey())
  if (request.method === 'GET' && action === undefined) {
    if (model === undefined) return told(listModels(Number(request.query.pageSize ?? 50), request.query.pageToken ?? null))
    const entry = describeModel(model)
    return entry ? told(entry) : refused(unknownModel(model, version, 'getModel'))
  }
  const answers = action === 'generateContent' || action === 'streamGenerateContent'
  if (request.method !== 'POST' || model === undefined || !(answers || action === 'countTokens')) {
    return refused(nothingHere())
  }
  if (answers ? !canAnswer(model) : !describeModel(model)) return refused(unknownModel(model, version, action))
  const ask = readAsk(request.rawBody, model, action)
  if ('status' in ask) return refused(ask)
  if (answers) return { kind: 'asked', ask }
  const totalTokens = ask.turns.reduce((sum, turn) => sum + tokensOf(turn.text), tokensOf(ask.instructions))
  return told({ totalTokens, promptTokensDetails: [{ modality: 'TEXT', tokenCount: totalTokens }] })
}

function refused(refusal: Refusal): Wish {
  return { kind: 'refused', refusal }
}

function told(body: object): Wish {
  return { kind: 'told', body }
}

/** Whether a request is the one by which the server looks for a room's title: no other has these instructions, word for word. */
export function isForTitle({ rawBody }: Pick<EmulatedRequest, 'rawBody'>): boolean {
  return rawBody.includes(JSON.stringify(TITLE_INSTRUCTIONS))
}

export function journalEntry(incoming: IncomingMessage, rawBody: string, id: number): EmulatedRequest {
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1')
  const [, , model = null, action = null] = PATH.exec(url.pathname) ?? []
  const header = incoming.headers['x-goog-api-key']
  const query = Object.fromEntries(url.searchParams)
  return {
    id,
    method: incoming.method ?? '',
    path: url.pathname,
    query,
    headers: incoming.headers,
    key: typeof header === 'string' ? header : (query.key ?? null),
    body: parsed(rawBody),
    rawBody,
    model,
    action,
    prompt: '',
    startedAt: performance.timeOrigin + performance.now(),
    sentChunks: 0,
    usage: null,
    disconnected: false,
    finished: false,
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
