import { inTime } from '../database/in-time.ts'
import type { Session } from '../database/sessions.ts'
import { createAttempts } from './attempts.ts'
import { sessionCookie } from './cookies.ts'
import { enter, type EnterParts } from './enter.ts'
import type { EnterRefusal, Entry } from './entry.ts'
import { look } from './look.ts'
import type { Passkeys } from './passkeys.ts'
import { isSameOrigin, type Trust } from './requests.ts'
import type { Known, Sessions } from './sessions.ts'
import type { Assertion } from './webauthn.ts'

/** All that comes from one address: a room full of people behind one router may enter within a minute, each with a try without a name. */
const ATTEMPTS = { max: 300, windowMs: 60_000, maxKeys: 10_000 }
/** Secrets from one address that opened nothing. */
const MISSES = { max: 20, windowMs: 60_000, maxKeys: 10_000 }
const INPUT_BYTES = 4_096
const LOOK_MS = 5_000

const STATUS: Record<EnterRefusal | 'foreign_origin' | 'no_passkeys' | 'too_many', number> = {
  bad_request: 400,
  foreign_origin: 403,
  passkey_refused: 403,
  no_passkeys: 404,
  room_full: 409,
  link_spent: 410,
  passkey_late: 410,
  name_needed: 422,
  too_many: 429,
}

export type EntranceParts = EnterParts & {
  readonly sessions: Sessions
  readonly passkeys: Passkeys
  readonly trust: () => Trust
  /** A session has ended: whatever it has open is to be closed. */
  readonly ended: (session: Session) => void
}

/** What is spoken at the door, by people of whom nothing is known yet; `address` is whom to count it to. All may throw TooManyStrangers. */
export type Entrance = {
  /** `{token}` → what `enter` would do with it: `{kind, name}` or `{error}`. */
  look(request: Request, address: string): Promise<Response>
  /** `{token, name?}` → `{conversationId?}` and a cookie, or `{error}`. */
  enter(request: Request, address: string): Promise<Response>
  /** What a passkey has to sign, or `{error}`. */
  askForPasskey(request: Request, address: string): Promise<Response>
  /** `{id, clientDataJSON, authenticatorData, signature, userHandle}` → `{}` and a cookie, or `{error}`. */
  enterByPasskey(request: Request, address: string): Promise<Response>
  leave(request: Request, address: string): Promise<Response>
}

export function createEntrance({ db, members, passkeys, sessions, trust, ended }: EntranceParts): Entrance {
  const mayTry = createAttempts(ATTEMPTS)
  const mayMiss = createAttempts(MISSES)

  function hindrance(request: Request, address: string): Response | null {
    if (!isSameOrigin(request, trust())) return refusal('foreign_origin')
    return mayTry(address) && mayMiss(address, 0) ? null : refusal('too_many')
  }

  const who = (request: Request, address: string) => inTime(sessions.whoIs(request, trust(), address), LOOK_MS)

  /** Who is at the door with what, or why nobody is let near it. */
  async function comer(request: Request, address: string) {
    const hindered = hindrance(request, address)
    if (hindered) return hindered
    const input = await readInput(request)
    if (!input) return refusal('bad_request')
    const session = await who(request, address)
    const shutOut = session === null && (await inTime(sessions.isShutOut(request, trust()), LOOK_MS))
    return { input, token: input['token'], name: input['name'], userAgent: request.headers.get('user-agent') ?? '', session, shutOut }
  }

  function answer(entry: Entry, session: Known | null, request: Request, address: string): Response {
    if (entry.kind === 'refused') {
      if (entry.why === 'link_spent' || entry.why === 'passkey_refused') mayMiss(address)
      return refusal(entry.why)
    }
    if (entry.token !== null) sessions.welcome(entry.token)
    if (entry.left) ended(entry.left)
    const cookie = entry.token === null ? session?.renewed : sessionCookie(request, trust(), entry.token)
    const { conversationId } = entry
    return Response.json(conversationId === null ? {} : { conversationId }, cookie ? { headers: { 'set-cookie': cookie } } : {})
  }

  return {
    async look(request, address) {
      const visitor = await comer(request, address)
      if (visitor instanceof Response) return visitor
      const opening = await inTime(look(db, visitor), LOOK_MS)
      if (!opening) mayMiss(address)
      return opening ? Response.json(opening) : refusal('link_spent')
    },

    async enter(request, address) {
      const visitor = await comer(request, address)
      if (visitor instanceof Response) return visitor
      return answer(await enter({ db, members }, visitor), visitor.session, request, address)
    },

    async askForPasskey(request, address) {
      const hindered = hindrance(request, address)
      if (hindered) return hindered
      const question = passkeys.ask(request.headers.get('origin') ?? '')
      return question ? Response.json(question) : refusal('no_passkeys')
    },

    async enterByPasskey(request, address) {
      const visitor = await comer(request, address)
      if (visitor instanceof Response) return visitor
      const assertion = readAssertion(visitor.input)
      if (!assertion) return refusal('bad_request')
      const entry = await passkeys.enter(assertion, request.headers.get('origin') ?? '', visitor)
      return answer(entry, visitor.session, request, address)
    },

    async leave(request, address) {
      const hindered = hindrance(request, address)
      if (hindered) return hindered
      const session = await who(request, address)
      if (session) {
        await inTime(sessions.signOut(session), LOOK_MS)
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
async function readInput(request: Request): Promise<Record<string, unknown> | null> {
  const text = await request.text()
  if (text.length > INPUT_BYTES) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    return { ...value }
  } catch {
    return null
  }
}

/** null: a browser does not say such a thing. */
function readAssertion(input: Record<string, unknown>): Assertion | null {
  const bytes = (name: string) => {
    const value = input[name]
    return typeof value === 'string' && /^[\w-]+$/.test(value) ? value : null
  }
  const id = bytes('id')
  const clientDataJSON = bytes('clientDataJSON')
  const authenticatorData = bytes('authenticatorData')
  const signature = bytes('signature')
  const userHandle = bytes('userHandle')
  if (id === null || clientDataJSON === null || authenticatorData === null || signature === null || userHandle === null) return null
  return { id, clientDataJSON, authenticatorData, signature, userHandle }
}
