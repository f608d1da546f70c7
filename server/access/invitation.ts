import { LIMITS, newId } from '#contract'
import { type FoundLink, spendLink } from '../database/links.ts'
import { admit, lockMembers, NOBODY_MOVED, type Standing, wasRemoved } from '../database/members.ts'
import type { Db } from '../database/open.ts'
import { addPerson } from '../database/people.ts'
import { type Comer, type Entry, type EnterRefusal, refused, sessionFor } from './entry.ts'

/**
 * Lets somebody into the room of an invitation: whoever the browser is signed in as, else a guest of that name. Who is in the room already is led
 * there, whatever has become of the link, and neither their role nor a use is touched.
 */
export async function accept(db: Db, link: FoundLink, comer: Comer, name: string): Promise<Entry & Standing> {
  const { conversationId, role } = link
  const refuse = (why: EnterRefusal) => ({ ...refused(why), ...NOBODY_MOVED })
  if (conversationId === null || role === null) return refuse('link_spent')
  return db.transaction(async (tx) => {
    const room = await lockMembers(tx, conversationId)
    if (!room) return refuse('link_spent')
    const known = comer.session?.person ?? null
    if (known && room.members.has(known.id)) return { kind: 'entered', conversationId, token: null, left: null, ...NOBODY_MOVED }
    if (known && (await wasRemoved(tx, conversationId, known.id, link.createdAt))) return refuse('link_spent')
    if (link.works && room.members.size >= LIMITS.peoplePerRoom) return refuse('room_full')
    if (link.works && !known && name === '') return refuse('name_needed')
    if (!(await spendLink(tx, link.id))) return refuse('link_spent')
    const person = known ?? (await addPerson(tx, { id: newId(), name, kind: 'guest' }))
    const placed = await admit(tx, room, { personId: person.id, role, linkId: link.id })
    return { kind: 'entered', conversationId, ...(await sessionFor(tx, person, comer)), placed: [placed], gone: [] }
  })
}
