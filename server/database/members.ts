import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Conversation, Role } from '#contract'
import { disarrange } from './arrangements.ts'
import { bury, lock, thisTransaction, toConversation, type Transaction } from './conversations.ts'
import type { Db } from './open.ts'
import { departure, link, member } from './schema.ts'

/** What a room has become to somebody; `conversation` when it is new to them. */
export type Placed = {
  readonly personId: string
  readonly role: Role
  readonly read: number
  readonly conversation: Conversation | null
}

/** Who is in a room, as that has changed: those whose place is another one, and those to whom the room is gone; `buried`: to everybody. */
export type Standing = { readonly placed: readonly Placed[]; readonly gone: readonly string[]; readonly buried?: boolean }

export const NOBODY_MOVED: Standing = { placed: [], gone: [] }

type Outcome<K extends string> = Standing & { readonly kind: K }

/**
 * Locks a room, and answers it with everybody in it: unlike what a locking statement brings along, they are from after any wait for the lock.
 * null: there is no such room.
 */
export async function lockMembers(tx: Transaction, conversationId: string) {
  const locked = await lock(tx, conversationId)
  if (!locked || locked.row.deletedAt !== null) return null
  const rows = await tx.select().from(member).where(eq(member.conversationId, conversationId))
  return { row: locked.row, members: new Map(rows.map((row) => [row.personId, row])) }
}

export type LockedMembers = NonNullable<Awaited<ReturnType<typeof lockMembers>>>

/** Lets somebody into a room that this transaction has locked. What was said before they came is not unread to them. */
export async function admit(
  tx: Transaction,
  { row }: LockedMembers,
  { personId, role, linkId }: { personId: string; role: Role; linkId: string },
): Promise<Placed> {
  await tx.insert(member).values({ conversationId: row.id, personId, role, read: row.count, viaLinkId: linkId, changed: thisTransaction })
  await tx.delete(departure).where(of(departure, row.id, personId))
  return { personId, role, read: row.count, conversation: toConversation(row) }
}

/** Whether an owner of the room has removed somebody from it after `since`. */
export async function wasRemoved(tx: Transaction, conversationId: string, personId: string, since: Date): Promise<boolean> {
  const [left] = await tx
    .select()
    .from(departure)
    .where(of(departure, conversationId, personId))
  return left !== undefined && left.removed && left.at >= since
}

/**
 * Gives somebody another role, by an owner of the room. Who hands the room over is a participant afterwards, so that there is one owner, and
 * every link to it ends: `revoked`. `nobody`: they are not in the room.
 */
export async function changeRole(
  db: Db,
  by: string,
  change: { conversationId: string; personId: string; role: Role },
): Promise<Outcome<'done' | 'missing' | 'nobody' | 'role' | 'last_owner'> & { readonly revoked: readonly string[] }> {
  return db.transaction(async (tx) => {
    const refused = <K extends string>(kind: K) => ({ kind, ...NOBODY_MOVED, revoked: [] })
    const room = await lockMembers(tx, change.conversationId)
    const mine = room?.members.get(by)
    if (!room || !mine) return refused('missing')
    if (mine.role !== 'owner') return refused('role')
    const theirs = room.members.get(change.personId)
    if (!theirs) return refused('nobody')
    if (theirs.role === change.role) return refused('done')
    if (change.personId === by) return refused('last_owner')
    const roles: [typeof mine, Role][] = [[theirs, change.role]]
    if (change.role === 'owner') roles.push([mine, 'participant'])
    const revoked = change.role === 'owner' ? await revokeLinksTo(tx, room.row.id) : []
    for (const [row, role] of roles) {
      await tx
        .update(member)
        .set({ role, changed: thisTransaction })
        .where(of(member, room.row.id, row.personId))
    }
    const placed = roles.map(([{ personId, read }, role]) => ({ personId, role, read, conversation: null }))
    return { kind: 'done', gone: [], placed, revoked }
  })
}

/**
 * Takes somebody out of a room: an owner anybody, everybody themselves. Whoever is not in it is gone already, and is told once more: an earlier
 * answer may have been lost. An owner who is alone takes the room along: `buried`.
 */
export async function removeMember(
  db: Db,
  by: string,
  conversationId: string,
  personId: string,
): Promise<(Outcome<'done'> & { readonly buried: boolean }) | Outcome<'missing' | 'role' | 'last_owner'>> {
  return db.transaction(async (tx) => {
    const room = await lockMembers(tx, conversationId)
    const mine = room?.members.get(by)
    const leaving = by === personId
    if (!room || !mine) return leaving ? { kind: 'done', ...NOBODY_MOVED, buried: false } : { kind: 'missing', ...NOBODY_MOVED }
    if (!leaving && mine.role !== 'owner') return { kind: 'role', ...NOBODY_MOVED }
    const theirs = room.members.get(personId)
    const gone = { placed: [], gone: [personId] }
    if (theirs?.role === 'owner') {
      if (room.members.size > 1) return { kind: 'last_owner', ...NOBODY_MOVED }
      await bury(tx, room)
      return { kind: 'done', ...gone, buried: true }
    }
    if (theirs) await depart(tx, conversationId, personId, !leaving)
    return { kind: 'done', ...gone, buried: false }
  })
}

async function revokeLinksTo(tx: Transaction, conversationId: string): Promise<string[]> {
  const ended = await tx
    .update(link)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(link.conversationId, conversationId), isNull(link.revokedAt)))
    .returning({ id: link.id })
  return ended.map(({ id }) => id)
}

/** Takes out of a locked room whoever came into it by a link, but for its owner. Answers who that was. */
export async function removeThoseOf(tx: Transaction, { row, members }: LockedMembers, linkId: string): Promise<string[]> {
  const theirs = [...members.values()].filter(({ viaLinkId, role }) => viaLinkId === linkId && role !== 'owner')
  for (const { personId } of theirs) await depart(tx, row.id, personId, true)
  return theirs.map(({ personId }) => personId)
}

async function depart(tx: Transaction, conversationId: string, personId: string, removed: boolean): Promise<void> {
  await tx.delete(member).where(of(member, conversationId, personId))
  await disarrange(tx, conversationId, personId)
  await tx
    .insert(departure)
    .values({ conversationId, personId, removed, changed: thisTransaction })
    .onConflictDoUpdate({
      target: [departure.conversationId, departure.personId],
      set: { removed, at: sql`now()`, changed: thisTransaction },
    })
}

function of(table: typeof member | typeof departure, conversationId: string, personId: string) {
  return and(eq(table.conversationId, conversationId), eq(table.personId, personId))
}
