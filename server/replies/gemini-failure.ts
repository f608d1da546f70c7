import type { Failure } from '#contract'

const DAY_MS = 86_400_000
/** Google names seconds also when the quota of a whole day is gone; anything this short is not the time until the next day. */
const SHORTEST_QUOTA_MS = 300_000

/** An error as the provider puts it, over HTTP or in the middle of a stream. None of its sentences may reach a screen or a log. */
export type ProviderError = {
  readonly status: number
  readonly message: string
  /** The list of `google.rpc` details, as it came. */
  readonly details: unknown
}

/** What an error of the provider means for a person. */
export function failureOf(error: ProviderError, model: string): Failure {
  const { status } = error
  const details = readDetails(error.details)
  if (status === 402) return { code: 'quota_used_up', retryAfterMs: null }
  if (status === 429) {
    const named = details.retryDelay ?? /\bretry in ([\d.hms]+)/i.exec(error.message)?.[1] ?? null
    const retryAfterMs = named === null ? null : readDuration(named)
    if (!details.quotaIds.some((id) => id.includes('PerDay'))) return { code: 'rate_limited', retryAfterMs }
    return { code: 'quota_used_up', retryAfterMs: retryAfterMs !== null && retryAfterMs < SHORTEST_QUOTA_MS ? null : retryAfterMs }
  }
  if (status === 401 || status === 403 || details.reasons.includes('API_KEY_INVALID')) return { code: 'key_refused' }
  if (status === 404) return { code: 'model_unknown', model }
  if (status >= 400 && status < 500) return { code: 'request_refused', status }
  return { code: 'unavailable', status }
}

/**
 * What a finish reason that is neither STOP nor MAX_TOKENS means. The list grows on the provider's side, so the unknown ones
 * are shown by name.
 */
export function failureOfFinish(reason: string): Failure {
  switch (reason) {
    case 'SAFETY':
    case 'RECITATION':
    case 'LANGUAGE':
    case 'BLOCKLIST':
    case 'PROHIBITED_CONTENT':
    case 'SPII':
    case 'IMAGE_SAFETY':
    case 'IMAGE_PROHIBITED_CONTENT':
      return { code: 'blocked', reason, prompt: false }
  }
  return { code: 'ended', reason }
}

type Details = { reasons: string[]; quotaIds: string[]; retryDelay: string | null }

function readDetails(details: unknown): Details {
  const found: Details = { reasons: [], quotaIds: [], retryDelay: null }
  for (const detail of listOf(details)) {
    const reason = field(detail, 'reason')
    if (typeof reason === 'string') found.reasons.push(reason)
    const retryDelay = field(detail, 'retryDelay')
    if (typeof retryDelay === 'string') found.retryDelay = retryDelay
    for (const violation of listOf(field(detail, 'violations'))) {
      const quotaId = field(violation, 'quotaId')
      if (typeof quotaId === 'string') found.quotaIds.push(quotaId)
    }
  }
  return found
}

const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** Milliseconds of `31s`, `0.5s`, `598.4ms` or `14h2m3.5s`, at most a day; null for anything else. */
function readDuration(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/.test(text.replace(/\.$/, ''))) return null
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) totalMs += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0)
  return Math.min(Math.ceil(totalMs), DAY_MS)
}

/** The property of an object of unknown shape; undefined when it is none. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
