import type { Failure } from '#contract'

const spender = (budget: 'person' | 'room' | 'guests' | 'server', person: string): string =>
  ({ person, room: 'This room’s', guests: 'The guests’', server: 'This server’s' })[budget]

/** Why a reply did not end well, for the reader; `whose`: of whoever asked for it. */
export function failureSentence(failure: Failure, whose = 'Their'): string {
  switch (failure.code) {
    case 'rate_limited':
      return 'Gemini asks for a little patience: too many requests at once.'
    case 'quota_used_up':
      return 'The Gemini quota of this server is used up for now.'
    case 'key_refused':
      return 'Google refused the API key of this server. Whoever runs it has to check GEMINI_API_KEY.'
    case 'model_unknown':
      return `There is no model named “${failure.model}”. Whoever runs this server has to check GEMINI_MODEL.`
    case 'blocked':
      return failure.prompt
        ? `Gemini would not answer this message (${reasonWords(failure.reason)}). Another wording may help.`
        : `Gemini broke off its answer (${reasonWords(failure.reason)}). Another wording may help.`
    case 'ended':
      return `Gemini ended the answer early (${reasonWords(failure.reason)}).`
    case 'request_refused':
      return `Gemini could not read this request (status ${failure.status}). A shorter conversation may help.`
    case 'unavailable':
      return failure.status === null ? 'Gemini could not be reached.' : `Gemini is not available right now (status ${failure.status}).`
    case 'silent':
      return `Gemini said nothing for ${Math.round(failure.afterMs / 1000)} seconds, so the wait was ended.`
    case 'cut':
      return 'The connection to Gemini broke before the answer was finished.'
    case 'restarted':
      return 'The server was restarted while this answer was being written.'
    case 'budget_used_up':
      return `${spender(failure.whose, whose)} tokens for today are used up. There are new ones at ${timeOfDay(failure.resetAt)}.`
    case 'internal':
      return 'Something went wrong on the server while this answer was being written.'
  }
}

function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
}

/** Milliseconds from the end of the reply until the provider may be asked again; null when it said nothing about it. */
export function retryDelay(failure: Failure): number | null {
  switch (failure.code) {
    case 'rate_limited':
    case 'quota_used_up':
      return failure.retryAfterMs
    case 'key_refused':
    case 'model_unknown':
    case 'blocked':
    case 'ended':
    case 'request_refused':
    case 'unavailable':
    case 'silent':
    case 'cut':
    case 'restarted':
    case 'budget_used_up':
    case 'internal':
      return null
  }
}

// The provider's words are constants such as MAX_TOKENS or PROHIBITED_CONTENT.
function reasonWords(reason: string): string {
  return reason.toLowerCase().replaceAll('_', ' ')
}
