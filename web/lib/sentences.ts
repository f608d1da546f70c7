/** Why the server would not take what a person sent: kept with it, in this form. */
export type SendFailure =
  | { code: 'not_found' }
  | { code: 'forbidden' }
  | { code: 'guest' }
  | { code: 'conflict' }
  | { code: 'busy'; limit: number }
  | { code: 'invalid' }
  | { code: 'internal' }

/** When the store of this device has not taken what was written. */
export const NOT_KEPT = 'This could not be kept: the storage of this browser is full or closed. Free some space and send it again.'

/** Why a message of one's own was not taken. */
export function refusalSentence(refusal: SendFailure): string {
  switch (refusal.code) {
    case 'not_found':
      return 'Not sent: this conversation is no longer there.'
    case 'forbidden':
      return 'Not sent: you may read here, but not write.'
    case 'guest':
      return 'Not sent: guests may not ask Gemini here. People read what you write as a note.'
    case 'conflict':
      return 'Not sent: the conversation has changed in the meantime.'
    case 'busy':
      return `Not sent: ${refusal.limit} messages are already waiting for an answer here.`
    case 'invalid':
      return 'Not sent: the server could not accept this text.'
    case 'internal':
      return 'Not sent: something went wrong on the server.'
  }
}
