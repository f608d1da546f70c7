import type { Session } from '../database/sessions.ts'
import { createAttempts } from './attempts.ts'
import { sessionCookie } from './cookies.ts'
import { enter, type EnterParts } from './enter.ts'
import type { EnterRefusal } from './entry.ts'
import { look } from './look.ts'
import { addressOf, isSameOrigin, type Trust } from './requests.ts'
import { isShutOut, signOut, whoIs } from './sessions.ts'

/** All that comes from one address: a room full of people behind one router may enter within a minute, each with a try without a name. */
const ATTEMPTS = { max: 300, windowMs: 60_000, maxKeys: 10_000 }
/** Secrets from one address that opened nothing. */
const MISSES = { max: 20, windowMs: 60_000, maxKeys: 10_000 }
const INPUT_BYTES = 4_096

const STATUS: Record<EnterRefusal | 'foreign_origin' | 'too_many', number> = {
  bad_request: 400,
  foreign_origin: 403,
  room_full: 409,
  link_spent: 410,
  name_needed: 422,
  too_many: 429,
}

export type EntranceParts = EnterParts & {
  readonly trust: () => Trust
  /** A session has ended: whatever it has open is to be closed. */
  readonly ended: (session: Session) => void
}

/** What is spoken at the door, by people of whom nothing is known yet: `peer` is the address that they come from. */
export type Entrance = {
  /** `{token}` → what `enter` would do with it: `{kind, name}` or `{error}`. */
  look(request: Request, peer: string | null): Promise<Response>
  /** `{token, name?}` → `{conversationId?}` and a cookie, or `{error}`. */
  enter(request: Request, peer: string | null): Promise<Response>
  leave(request: Request, peer: string | null): Promise<Response>
}

export function createEntrance({ db, members, trust, ended }: EntranceParts): Entrance {
  const attempts = createAttempts(ATTEMPTS)
  const misses = createAttempts(MISSES)

  function hindrance(request: Request, address: string): Response | null {
    if (!isSameOrigin(request, trust())) return refusal('foreign_origin')
    return attempts.take(address) && misses.allows(address) ? null : refusal('too_many')
  }

  /** Who is at the door with what, or why nobody is let near it. */
  async function comer(request: Request, address: string) {
    const hindered = hindrance(request, address)
    if (hindered) return hindered
    const input = await readInput(request)
    if (!input) return refusal('bad_request')
    const session = await whoIs(db, request, trust())
    const shutOut = session === null && (await isShutOut(db, request, trust()))
    return { ...input, userAgent: request.headers.get('user-agent') ?? '', session, shutOut }
  }

  return {
    async look(request, peer) {
      const address = addressOf(request, peer, trust())
      const who = await comer(request, address)
      if (who instanceof Response) return who
      const opening = await look(db, who)
      if (!opening) misses.take(address)
      return opening ? Response.json(opening) : refusal('link_spent')
    },

    async enter(request, peer) {
      const address = addressOf(request, peer, trust())
      const who = await comer(request, address)
      if (who instanceof Response) return who
      const { session } = who
      const entry = await enter({ db, members }, who)
      if (entry.kind === 'refused') {
        if (entry.why === 'link_spent') misses.take(address)
        return refusal(entry.why)
      }
      if (entry.left) ended(entry.left)
      const cookie = entry.token === null ? session?.renewed : sessionCookie(request, trust(), entry.token)
      const { conversationId } = entry
      return Response.json(conversationId === null ? {} : { conversationId }, cookie ? { headers: { 'set-cookie': cookie } } : {})
    },

    async leave(request, peer) {
      const hindered = hindrance(request, addressOf(request, peer, trust()))
      if (hindered) return hindered
      const session = await whoIs(db, request, trust())
      if (session) {
        await signOut(db, session)
        ended(session)
      }
      return new Response(null, { status: 204, headers: { 'set-cookie': sessionCookie(request, trust(), null) } })
    },
  }
}

function refusal(error: keyof typeof STATUS): Response {
  return Response.json({ error }, { status: STATUS[error] })
}

/** null: it is not a small JSON object. */
async function readInput(request: Request): Promise<{ token: unknown; name: unknown } | null> {
  const text = await request.text()
  if (text.length > INPUT_BYTES) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    return { token: 'token' in value ? value.token : undefined, name: 'name' in value ? value.name : undefined }
  } catch {
    return null
  }
}
