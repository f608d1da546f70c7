import type { Db } from '../database/open.ts'
import { closeSession, extendSession, findSession, isBarred, type Session, touchSessions } from '../database/sessions.ts'
import { readSessionCookie, SESSION_MS, sessionCookie } from './cookies.ts'
import type { Trust } from './requests.ts'
import { hashToken } from './tokens.ts'

/** A session in use is renewed this often, cookie and row together. */
const RENEW_MS = 24 * 60 * 60 * 1000
/** How exactly a person is told when a device of theirs was last seen. */
const SEEN_MS = 10 * 60 * 1000

/** Who sends a request; null for nobody known. `renewed` is a Set-Cookie value when the session was just extended. */
export async function whoIs(db: Db, request: Request, trust: Trust): Promise<(Session & { renewed: string | null }) | null> {
  const token = readSessionCookie(request, trust)
  if (token === null) return null
  const session = await findSession(db, hashToken(token))
  if (!session) return null
  const now = Date.now()
  if (session.expiresAt.getTime() - now < SESSION_MS - RENEW_MS) {
    await extendSession(db, session.id, new Date(now + SESSION_MS))
    return { ...session, renewed: sessionCookie(request, trust, token) }
  }
  if (now - session.seenAt.getTime() > SEEN_MS) await touchSessions(db, [session.id])
  return { ...session, renewed: null }
}

/** Whether the browser belongs to somebody who was shut out: they are not let in under another name. */
export async function isShutOut(db: Db, request: Request, trust: Trust): Promise<boolean> {
  const token = readSessionCookie(request, trust)
  return token !== null && isBarred(db, hashToken(token))
}

export async function signOut(db: Db, session: Session): Promise<void> {
  await closeSession(db, session.id, session.person.id)
}
