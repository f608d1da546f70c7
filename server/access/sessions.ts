import { closeSession, extendSession, findSession, type Session } from '../database/people.ts'
import type { Db } from '../database/open.ts'
import { readSessionCookie, SESSION_MS, sessionCookie } from './cookies.ts'
import type { Trust } from './requests.ts'
import { hashToken } from './tokens.ts'

/** A session in use is renewed this often, cookie and row together. */
const RENEW_MS = 24 * 60 * 60 * 1000

/** Who sends a request; null for nobody known. `renewed` is a Set-Cookie value when the session was just extended. */
export async function whoIs(db: Db, request: Request, trust: Trust): Promise<(Session & { renewed: string | null }) | null> {
  const token = readSessionCookie(request, trust)
  if (token === null) return null
  const session = await findSession(db, hashToken(token))
  if (!session) return null
  if (Date.now() - session.seenAt.getTime() < RENEW_MS) return { ...session, renewed: null }
  await extendSession(db, session.id, new Date(Date.now() + SESSION_MS))
  return { ...session, renewed: sessionCookie(request, trust, token) }
}

export async function signOut(db: Db, session: Session): Promise<void> {
  await closeSession(db, session.id)
}
