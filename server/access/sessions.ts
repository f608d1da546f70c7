import type { Db } from '../database/open.ts'
import { closeSession, extendSession, findSession, isBarred, type Session, touchSessions } from '../database/sessions.ts'
import { createAttempts } from './attempts.ts'
import { readSessionCookie, SESSION_MS, sessionCookie } from './cookies.ts'
import type { Trust } from './requests.ts'
import { hashToken } from './tokens.ts'

/** A session in use is renewed this often, cookie and row together. */
const RENEW_MS = 24 * 60 * 60 * 1000
/** How exactly a person is told when a device of theirs was last seen. */
const SEEN_MS = 10 * 60 * 1000
/** Cookies that nobody has, by the address that they come from. */
const STRANGERS = { max: 100, windowMs: 60_000, maxKeys: 10_000 }
const MAX_KNOWN = 10_000

export type Known = Session & { readonly renewed: string | null }

/** Thrown when an address has come with too many cookies that nobody has: nothing was looked at. */
export class TooManyStrangers extends Error {
  override readonly name = 'TooManyStrangers'
}

export type Sessions = ReturnType<typeof createSessions>

/** Who sends a request, and how often may strangers ask. */
export function createSessions(db: Db) {
  const mayAsk = createAttempts(STRANGERS)
  // These are looked up, too, but not counted: a stranger behind the same address must not keep them out.
  const known = new Set<string>()
  /** Tabs that come back together with one cookie are one question. */
  const asked = new Map<string, Promise<Session | null>>()

  function know(hash: string): void {
    known.delete(hash)
    known.add(hash)
    for (const oldest of known) {
      if (known.size <= MAX_KNOWN) break
      known.delete(oldest)
    }
  }

  async function ask(hash: string, address: string): Promise<Session | null> {
    if (!mayAsk(address)) throw new TooManyStrangers()
    let stranger = false
    try {
      const session = await findSession(db, hash)
      stranger = session === null
      if (session) know(hash)
      return session
    } finally {
      if (!stranger) mayAsk(address, -1)
    }
  }

  function find(hash: string, address: string): Promise<Session | null> {
    if (known.has(hash)) return findSession(db, hash)
    let answer = asked.get(hash)
    if (!answer) asked.set(hash, (answer = ask(hash, address).finally(() => asked.delete(hash))))
    return answer
  }

  return {
    /**
     * Who sends a request; null for nobody known. `address` is whom to count it to; `renewed` is a Set-Cookie value when the session was just
     * extended. Throws TooManyStrangers.
     */
    async whoIs(request: Request, trust: Trust, address: string): Promise<Known | null> {
      const token = readSessionCookie(request, trust)
      if (token === null) return null
      const session = await find(hashToken(token), address)
      if (!session) return null
      const now = Date.now()
      if (session.expiresAt.getTime() - now < SESSION_MS - RENEW_MS) {
        await extendSession(db, session.id, new Date(now + SESSION_MS))
        return { ...session, renewed: sessionCookie(request, trust, token) }
      }
      if (now - session.seenAt.getTime() > SEEN_MS) await touchSessions(db, [session.id])
      return { ...session, renewed: null }
    },
    /** The bearer of a token that was just made is no stranger. */
    welcome: (token: string): void => know(hashToken(token)),
    signOut: (session: Session): Promise<void> => closeSession(db, session.id, session.person.id),
    /** Whether the browser belongs to somebody who was shut out: they are not let in under another name. */
    async isShutOut(request: Request, trust: Trust): Promise<boolean> {
      const token = readSessionCookie(request, trust)
      return token !== null && isBarred(db, hashToken(token))
    },
    /** A session has ended: what was asked before that is no answer to whoever asks after it. */
    askAgain: (): void => asked.clear(),
  }
}
