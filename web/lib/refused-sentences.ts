import type { ErrorData } from '#contract'
import type { Refused } from './refused.ts'

/** For the reader, where nothing more fitting is said. */
export function refusedSentence(refused: Refused): string {
  switch (refused.code) {
    case 'NOT_FOUND':
      return 'It is not there any more.'
    case 'FORBIDDEN':
      return FORBIDDEN[refused.data.reason]
    case 'CONFLICT':
      return CONFLICT[refused.data.reason]
    case 'BUSY':
      return `There are ${refused.data.limit} already, and no more at once.`
    case 'RATE_LIMITED':
      return 'Too many requests at once. Wait a moment, then try again.'
    case 'UNAVAILABLE':
      return 'The server is not ready at the moment. Try again.'
    case 'offline':
      return 'The server cannot be reached right now. Try again.'
    case 'invalid':
      return 'The server could not accept this.'
    case 'internal':
      return 'Something went wrong on the server.'
  }
}

const CONFLICT: Record<ErrorData['CONFLICT']['reason'], string> = {
  id_taken: 'It has changed in the meantime.',
  reply_finished: 'It has changed in the meantime.',
  started: 'It is too late: Gemini has begun with it.',
  late: 'That took too long. Try again.',
}

const FORBIDDEN: Record<ErrorData['FORBIDDEN']['reason'], string> = {
  role: 'Your role in this room does not allow it.',
  guest: 'Guests may not ask Gemini in this room.',
  owner: 'Only the owner of this server may do that.',
  last_owner: 'A room needs an owner: hand it over first.',
  host: 'Passkeys need https and a host name: open the server by its proper name.',
  passkey: 'The server could not accept this passkey. Try again, or keep it somewhere else.',
}
