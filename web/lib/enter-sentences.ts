/** What a link opens. `name`: that of the person who enters by it; null: it is asked for. */
export type Opening = { kind: 'claim' | 'device' | 'invite'; name: string | null; by?: string }

/** Above the form of the entrance; null: it is not known what the link opens. */
export function welcomeSentence(opening: Opening | null): string {
  if (opening === null) return 'Your link is ready.'
  const { kind, name, by } = opening
  if (kind === 'invite')
    return `${by === undefined ? 'You are invited' : `${by} invites you`} to a conversation${name === null ? '' : `, ${name}`}.`
  return name === null ? 'Nobody owns this Confab yet: it will be yours.' : `Welcome back, ${name}.`
}

/** What the server answers when it opens nothing. */
export const REFUSALS = [
  'link_spent',
  'name_needed',
  'room_full',
  'passkey_refused',
  'passkey_late',
  'no_passkeys',
  'too_many',
  'foreign_origin',
  'bad_request',
] as const

export type EnterError = (typeof REFUSALS)[number] | 'unreachable'

/** Why a link, or a passkey, did not open the door. */
export function enterSentence(error: EnterError, by: 'link' | 'passkey' = 'link'): string {
  switch (error) {
    case 'link_spent':
      return 'This link has been used, has expired, or is not for you any more. Ask for a new one.'
    case 'name_needed':
      return 'Tell the others what to call you, then enter.'
    case 'room_full':
      return 'This room is full: somebody has to leave before you can come in.'
    case 'passkey_refused':
      return 'This passkey opens nothing here any more. Use another one, or ask for a link.'
    case 'passkey_late':
      return 'That took too long. Try again.'
    case 'no_passkeys':
      return 'Passkeys do not work at this address. Open the server by its proper name.'
    case 'too_many':
      return 'Too many attempts. Wait a minute, then try again.'
    case 'foreign_origin':
      return 'This page was opened under another address than the server expects. Open the link exactly as it was printed.'
    case 'bad_request':
      return 'The link is not complete. Copy the whole of it and open it again.'
    case 'unreachable':
      return `The server cannot be reached right now. ${by === 'link' ? 'Your link is still good: try' : 'Try'} again in a moment.`
  }
}
