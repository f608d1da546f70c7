import { label, LIMITS, newId } from '#contract'
import { inTime } from '../database/in-time.ts'
import type { Db } from '../database/open.ts'
import { addLink, addPerson, findOwner, openSession, spendLink } from '../database/people.ts'
import { sqlState, UNIQUE_VIOLATION } from '../database/sql-state.ts'
import { SESSION_MS } from './cookies.ts'
import { hashToken, isToken, newToken } from './tokens.ts'

const CLAIM_MS = 60 * 60 * 1000
/** The first look. A database that is away is found out by it, before the link is touched. */
const LOOK_MS = 5_000
const USER_AGENT_LENGTH = 200

export type EnterRefusal = 'link_spent' | 'name_needed' | 'bad_request'

/** Makes a link that lets whoever opens it first be the owner. Answers the path to open, with the secret in its fragment. */
export async function makeClaimLink(db: Db): Promise<string> {
  const token = newToken()
  await addLink(db, { id: newId(), tokenHash: hashToken(token), kind: 'claim', usesLeft: 1, expiresAt: new Date(Date.now() + CLAIM_MS) })
  return `/enter#${token}`
}

/**
 * Spends a claim link and opens a session of the owner, who is made when there is none yet. One answer for used, expired and unknown
 * links. The use and the session are one transaction: a link is never spent for nothing.
 */
export async function enter(
  db: Db,
  input: { token: unknown; name: unknown; userAgent: string },
): Promise<{ kind: 'entered'; token: string } | { kind: 'refused'; why: EnterRefusal }> {
  const { token } = input
  if (!isToken(token)) return { kind: 'refused', why: 'link_spent' }
  if (input.name !== undefined && typeof input.name !== 'string') return { kind: 'refused', why: 'bad_request' }
  const name = label(input.name ?? '', LIMITS.nameLength)
  const owner = await inTime(findOwner(db), LOOK_MS)
  if (!owner && name === '') return { kind: 'refused', why: 'name_needed' }
  const secret = newToken()
  const claim = () =>
    db.transaction(async (tx) => {
      if (!(await spendLink(tx, hashToken(token)))) return false
      const person = (await findOwner(tx)) ?? (await addPerson(tx, { id: newId(), name, kind: 'owner' }))
      await openSession(tx, {
        id: newId(),
        tokenHash: hashToken(secret),
        personId: person.id,
        label: input.userAgent.slice(0, USER_AGENT_LENGTH),
        expiresAt: new Date(Date.now() + SESSION_MS),
      })
      return true
    })
  // Of two claims in the same moment one makes the owner; the other finds it on its second try.
  const entered = await claim().catch((error) => (sqlState(error) === UNIQUE_VIOLATION ? claim() : Promise.reject(error)))
  return entered ? { kind: 'entered', token: secret } : { kind: 'refused', why: 'link_spent' }
}
