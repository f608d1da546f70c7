import type { Member, Membership } from '#contract'
import type { Database, StoredConversation } from './database.ts'
import type { Store } from './store.ts'

/*
 * Who is in which room, inside of a transaction that the caller has begun.
 */

/** What the server says of this person's rooms. What has been read never goes back: this device may be ahead of what the server was told. */
export async function putMemberships(db: Database, rows: readonly Membership[]): Promise<void> {
  // The last one of a room counts.
  const byRoom = new Map(rows.map((row) => [row.conversationId, row]))
  const known = await db.memberships.bulkGet([...byRoom.keys()])
  await db.memberships.bulkPut(
    [...byRoom.values()].map(({ conversationId, role, read }, index) => {
      const stored = known[index]
      const told = Math.max(read, stored?.told ?? 0)
      return { conversationId, role, read: Math.max(told, stored?.read ?? 0), told }
    }),
  )
}

/** Also tells what the room is to this person: of a room that was made here, nothing else does. */
export async function putPeople(db: Database, conversationId: string, people: readonly Member[]): Promise<void> {
  if (isMark(await db.conversations.get(conversationId))) return
  await db.people.put({ conversationId, people })
  const me = await db.facts.get('me')
  const mine = me?.key === 'me' ? people.find(({ person }) => person.id === me.value.person.id) : undefined
  if (mine) await putMemberships(db, [{ conversationId, role: mine.role, read: mine.read }])
}

/** Whether a room belongs to this person, as far as the server has said, and nobody else is known to be in it. */
export async function isAlone({ db, personId }: Pick<Store, 'db' | 'personId'>, conversationId: string): Promise<boolean> {
  if ((await db.memberships.get(conversationId))?.role !== 'owner') return false
  const roster = await db.people.get(conversationId)
  return roster?.people.every(({ person }) => person.id === personId) ?? true
}

/** The room is not this person's any more. */
export async function forgetPeople(db: Database, conversationId: string): Promise<void> {
  await db.people.delete(conversationId)
  await db.memberships.delete(conversationId)
}

/** Of rooms that are not in this store any more; a room that is only being removed here may still come back. */
export async function forgetPeopleOfNowhere(db: Database): Promise<void> {
  const keys = new Set([...(await db.memberships.toCollection().primaryKeys()), ...(await db.people.toCollection().primaryKeys())])
  // By their keys, and the few rows of what is gone: there may be thousands of rooms.
  const rooms = new Set(await db.conversations.toCollection().primaryKeys())
  const off = await db.conversations.where('[shelf+place]').between(['none', -Infinity], ['none', Infinity], true, true).toArray()
  for (const row of off) if (isMark(row)) rooms.delete(row.id)
  const gone = [...keys].filter((id) => !rooms.has(id))
  await db.memberships.bulkDelete(gone)
  await db.people.bulkDelete(gone)
}

/** What stands for a room that is gone; with a row beneath it, it is only a guess that it is. */
export function isMark(row: StoredConversation | undefined): boolean {
  return row?.deleted === true && row.origin === 'server' && !row.beneath
}

/** The server knows less of the room than this store: what was read in it counts anew. */
export async function rewindReading(db: Database, conversationId: string): Promise<void> {
  await db.memberships.where('conversationId').equals(conversationId).modify({ read: 0, told: 0 })
}
