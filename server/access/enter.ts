import { label, LIMITS, newId, type Person } from '#contract'
import type { Transaction } from '../database/conversations.ts'
import { addClaim, findLink, type FoundLink, spendLink } from '../database/links.ts'
import { inTime } from '../database/in-time.ts'
import type { Standing } from '../database/members.ts'
import type { Db } from '../database/open.ts'
import { addPerson, findOwner, findPerson } from '../database/people.ts'
import { sqlState, UNIQUE_VIOLATION } from '../database/sql-state.ts'
import { type Comer, type Entry, refused, sessionFor } from './entry.ts'
import { accept } from './invitation.ts'
import { isIn } from './look.ts'
import { hashToken, isToken, newToken } from './tokens.ts'

const CLAIM_MS = 60 * 60 * 1000
const LOOK_MS = 5_000

export type EnterParts = {
  readonly db: Db
  /** Runs a change of who is in a room, and tells of it. */
  readonly members: <T extends Standing>(conversationId: string, work: () => Promise<T>) => Promise<T>
}

/** Makes a link that lets whoever opens it first be the owner. Answers the path to open, with the secret in its fragment. */
export async function makeClaimLink(db: Db): Promise<string> {
  const token = newToken()
  await addClaim(db, { id: newId(), tokenHash: hashToken(token), expiresAt: new Date(Date.now() + CLAIM_MS) })
  return `/enter#${token}`
}

/**
 * Opens the door to whoever has a link. There is one answer for used, expired, revoked and unknown ones; and a use, and what it is spent for, are
 * one transaction: a link is never spent for nothing.
 */
export async function enter({ db, members }: EnterParts, comer: Comer): Promise<Entry> {
  if (!isToken(comer.token) || comer.shutOut) return refused('link_spent')
  if (comer.name !== undefined && typeof comer.name !== 'string') return refused('bad_request')
  const name = label(comer.name ?? '', LIMITS.nameLength)
  // A database that is away is found out by this, before the link is touched.
  const link = await inTime(findLink(db, hashToken(comer.token)), LOOK_MS)
  switch (link?.kind) {
    case 'claim':
      return claim(db, link, comer, name)
    case 'device':
      return signIn(db, link, comer, (tx) => findPerson(tx, link.personId))
    case 'invite':
      // Whoever has no more than a link of yesterday does not stand in the room's line.
      if (link.conversationId === null || !(link.works || (await isIn(db, link, comer.session)))) return refused('link_spent')
      return members(link.conversationId, () => accept(db, link, comer, name))
    case 'share':
    case undefined:
      return refused('link_spent')
  }
}

/** Signs the browser in as the owner, who is made when there is none yet. */
async function claim(db: Db, link: FoundLink, comer: Comer, name: string): Promise<Entry> {
  if (name === '' && link.works && !(await findOwner(db))) return refused('name_needed')
  const owner = async (tx: Transaction) => (await findOwner(tx)) ?? addPerson(tx, { id: newId(), name, kind: 'owner' })
  const once = () => signIn(db, link, comer, owner)
  // Of two claims in the same moment one makes the owner; the other finds it on its second try.
  return once().catch((error) => (sqlState(error) === UNIQUE_VIOLATION ? once() : Promise.reject(error)))
}

function signIn(db: Db, link: FoundLink, comer: Comer, whom: (tx: Transaction) => Promise<Person>): Promise<Entry> {
  return db.transaction(async (tx) => {
    if (!(await spendLink(tx, link.id))) return refused('link_spent')
    return { kind: 'entered', conversationId: null, ...(await sessionFor(tx, await whom(tx), comer)) }
  })
}
