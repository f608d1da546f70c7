import type { ErrorCode, ErrorData } from '#contract'
import type { Refused } from '../lib/refused.ts'
import type { SendFailure } from '../lib/sentences.ts'
import { ConnectionLost, Refusal } from './rpc.ts'

/** What to do with a call that was not carried out. */
export type Verdict =
  /** Nothing gets through: try everything again later, and not before `leastMs`. */
  | { kind: 'later'; leastMs: number }
  /** This room has to wait. With `tries`, it is given up after that many. */
  | { kind: 'room later'; failure: SendFailure; tries: number }
  | { kind: 'never'; failure: SendFailure }

const INTERNAL_TRIES = 5

export function judge(error: unknown): Verdict {
  if (error instanceof ConnectionLost) return { kind: 'later', leastMs: 0 }
  if (!(error instanceof Refusal)) return { kind: 'room later', failure: { code: 'internal' }, tries: INTERNAL_TRIES }
  switch (error.code) {
    case 'UNAVAILABLE':
      return { kind: 'later', leastMs: 0 }
    case 'RATE_LIMITED':
      return { kind: 'later', leastMs: waitOf(error.data) }
    case 'BUSY':
      return { kind: 'room later', failure: { code: 'busy', limit: limitOf(error.data) }, tries: Number.POSITIVE_INFINITY }
    case 'NOT_FOUND':
      return { kind: 'never', failure: { code: 'not_found' } }
    case 'FORBIDDEN':
      return { kind: 'never', failure: { code: reasonOf(error.data) === 'guest' ? 'guest' : 'forbidden' } }
    case 'CONFLICT':
      return { kind: 'never', failure: { code: 'conflict' } }
    case 'BAD_REQUEST':
      return { kind: 'never', failure: { code: 'invalid' } }
  }
  return { kind: 'room later', failure: { code: 'internal' }, tries: INTERNAL_TRIES }
}

/** For whoever waits for the call. */
export function refusedBy(error: unknown): Refused {
  if (error instanceof ConnectionLost) return { code: 'offline' }
  if (!(error instanceof Refusal)) return { code: 'internal' }
  if (error.code === 'BAD_REQUEST') return { code: 'invalid' }
  return CODES.has(error.code) ? { code: error.code, data: error.data } : { code: 'internal' }
}

const CODES: ReadonlySet<string> = new Set<ErrorCode>(['NOT_FOUND', 'FORBIDDEN', 'CONFLICT', 'BUSY', 'RATE_LIMITED', 'UNAVAILABLE'])

function waitOf(data: unknown): number {
  const { retryAfterMs } = (data ?? {}) as Partial<ErrorData['RATE_LIMITED']>
  return typeof retryAfterMs === 'number' ? retryAfterMs : 0
}

function reasonOf(data: unknown): ErrorData['FORBIDDEN']['reason'] | undefined {
  const { reason } = (data ?? {}) as Partial<ErrorData['FORBIDDEN']>
  return reason
}

function limitOf(data: unknown): number {
  const { limit } = (data ?? {}) as Partial<ErrorData['BUSY']>
  return typeof limit === 'number' ? limit : 0
}
