import { newId, type Person } from '#contract'
import type { Transaction } from '../database/conversations.ts'
import { closeSession, openSession, type Session } from '../database/sessions.ts'
import { SESSION_MS } from './cookies.ts'
import { hashToken, newToken } from './tokens.ts'

const USER_AGENT_LENGTH = 200

/** Who comes: with what, by which browser, and as whom it is signed in already. */
export type Comer = {
  readonly token: unknown
  readonly name: unknown
  readonly userAgent: string
  readonly session: Session | null
  /** The browser's own session is of somebody who is disabled. */
  readonly shutOut: boolean
}

export type EnterRefusal = 'link_spent' | 'name_needed' | 'room_full' | 'bad_request' | 'passkey_refused' | 'passkey_late'

/** `token`: of a new session; null: the browser keeps the one it has. `left`: its former session, which has ended. */
type SessionOf = { readonly token: string | null; readonly left: Session | null }

export type Entry =
  /** `conversationId`: the room that an invitation leads to. */
  | ({ readonly kind: 'entered'; readonly conversationId: string | null } & SessionOf)
  | { readonly kind: 'refused'; readonly why: EnterRefusal }

export function refused(why: EnterRefusal): Entry {
  return { kind: 'refused', why }
}

/** Signs a browser in as somebody, unless it is already. Whoever it was before can no longer use it, so that session ends. */
export async function sessionFor(
  tx: Transaction,
  person: Person,
  { session, userAgent }: Pick<Comer, 'session' | 'userAgent'>,
): Promise<SessionOf> {
  if (session?.person.id === person.id) return { token: null, left: null }
  const token = newToken()
  await openSession(tx, {
    id: newId(),
    tokenHash: hashToken(token),
    personId: person.id,
    label: userAgent.slice(0, USER_AGENT_LENGTH),
    expiresAt: new Date(Date.now() + SESSION_MS),
  })
  if (session) await closeSession(tx, session.id, session.person.id)
  return { token, left: session }
}
