/** The error bodies of the Gemini API, word for word where they are known. */
export type Refusal = {
  readonly status: number
  readonly body: {
    readonly error: { readonly code: number; readonly message: string; readonly status: string; readonly details?: readonly object[] }
  }
}

const TYPE = 'type.googleapis.com/google.rpc.'
const SERVICE = { service: 'generativelanguage.googleapis.com' }

export function refusal(code: number, status: string, message: string, details?: readonly object[]): Refusal {
  return { status: code, body: { error: { code, message, status, ...(details && { details }) } } }
}

export function nothingHere(): Refusal {
  return refusal(404, 'NOT_FOUND', 'Requested entity was not found.')
}

export function badKey(): Refusal {
  return refusal(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
    { '@type': `${TYPE}ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com', metadata: SERVICE },
    { '@type': `${TYPE}LocalizedMessage`, locale: 'en-US', message: 'API key not valid. Please pass a valid API key.' },
  ])
}

export function noKey(): Refusal {
  return refusal(
    403,
    'PERMISSION_DENIED',
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
  )
}

export function leakedKey(): Refusal {
  return refusal(403, 'PERMISSION_DENIED', 'Your API key was reported as leaked. Please use another API key.')
}

export function overloaded(): Refusal {
  return refusal(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.')
}

export function internal(): Refusal {
  return refusal(
    500,
    'INTERNAL',
    'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
  )
}

export function deadline(): Refusal {
  return refusal(504, 'DEADLINE_EXCEEDED', 'The request timed out. Please try again.')
}

export function region(): Refusal {
  return refusal(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.')
}

export function prepaidUsedUp(): Refusal {
  return refusal(
    402,
    'RESOURCE_EXHAUSTED',
    'Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.',
  )
}

/** A quota of a minute or of a day. `retryDelay` as Google writes it, e.g. `31s`; null: only the sentence says it. */
export function quota(per: 'Minute' | 'Day', model: string, retryAfterS: number, retryDelay: string | null): Refusal {
  const message =
    'You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. ' +
    `\n* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 10, model: ${model}\nPlease retry in ${retryAfterS}s.`
  const violation = {
    quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests',
    quotaId: `GenerateRequestsPer${per}PerProjectPerModel-FreeTier`,
    quotaDimensions: { location: 'global', model },
    quotaValue: '10',
  }
  return refusal(429, 'RESOURCE_EXHAUSTED', message, [
    { '@type': `${TYPE}QuotaFailure`, violations: [violation] },
    {
      '@type': `${TYPE}Help`,
      links: [{ description: 'Learn more about Gemini API quotas', url: 'https://ai.google.dev/gemini-api/docs/rate-limits' }],
    },
    ...(retryDelay === null ? [] : [{ '@type': `${TYPE}RetryInfo`, retryDelay }]),
  ])
}

export function unknownModel(model: string, version: string, action: string): Refusal {
  return refusal(
    404,
    'NOT_FOUND',
    `models/${model} is not found for API version ${version}, or is not supported for ${action}. Call ListModels to see the list of available models and their supported methods.`,
  )
}

export function invalid(message: string): Refusal {
  return refusal(400, 'INVALID_ARGUMENT', message)
}

export type Violation = { readonly field: string; readonly description: string }

export function badPayload(violations: readonly Violation[]): Refusal {
  return refusal(400, 'INVALID_ARGUMENT', violations.map((violation) => violation.description).join('\n'), [
    { '@type': `${TYPE}BadRequest`, fieldViolations: violations },
  ])
}
