import { and, asc, eq, gt, isNotNull, isNull, notExists, or, sql } from 'drizzle-orm'
import { LIMITS, type Link, type Role } from '#contract'
import { type Queryable, reach, type Transaction } from './conversations.ts'
import { lockMembers, removeThoseOf } from './members.ts'
import type { Db } from './open.ts'
import { link, member, person } from './schema.ts'

const MOST = 1_000

type LinkRow = typeof link.$inferSelect
/** A link, and whether it opened anything when it was looked for. */
export type FoundLink = LinkRow & { readonly works: boolean }

/** Of a link: not revoked, not expired, not used up, and whoever made it may still come in. */
export const works = and(
  isNull(link.revokedAt),
  or(isNull(link.expiresAt), gt(link.expiresAt, sql`now()`)),
  or(isNull(link.usesLeft), gt(link.usesLeft, 0)),
  notExists(sql`(select 1 from ${person} where ${person.id} = ${link.createdBy} and ${isNotNull(person.disabledAt)})`),
)

/** A link of the server's own, by which its owner comes in. */
export async function addClaim(db: Db, values: { id: string; tokenHash: string; expiresAt: Date }): Promise<void> {
  await db.insert(link).values({ ...values, kind: 'claim', usesLeft: 1 })
}

export type NewLink = {
  readonly id: string
  readonly tokenHash: string
  readonly kind: 'device' | 'invite' | 'share'
  readonly personId: string | null
  readonly conversationId: string | null
  readonly role: Role | null
  readonly label: string
  readonly usesLeft: number | null
  readonly expiresAt: Date | null
}

export type Made = { readonly kind: 'made'; readonly link: Link } | { readonly kind: 'missing' | 'role' | 'taken' | 'busy' }

/** Makes a link for a room that one owns, or for a device of one's own. The same id again answers what was made. */
export async function makeLink(db: Db, by: string, values: NewLink): Promise<Made> {
  return db.transaction(async (tx) => {
    if (values.conversationId !== null) {
      // Whoever is not in the room waits for nobody in it; the role of those who are is the one after any wait.
      if (!(await reach(tx, values.conversationId, by))) return { kind: 'missing' }
      const mine = (await lockMembers(tx, values.conversationId))?.members.get(by)
      if (!mine) return { kind: 'missing' }
      if (mine.role !== 'owner') return { kind: 'role' }
    }
    const [known] = await withMaker(tx).where(eq(link.id, values.id))
    if (known) {
      const { row } = known
      const same = row.createdBy === by && row.kind === values.kind && row.conversationId === values.conversationId
      return same && row.tokenHash === values.tokenHash ? { kind: 'made', link: toLink(known) } : { kind: 'taken' }
    }
    const beside = values.conversationId === null ? eq(link.personId, by) : eq(link.conversationId, values.conversationId)
    if ((await tx.$count(link, and(beside, works))) >= LIMITS.linksAtOnce) return { kind: 'busy' }
    await tx.insert(link).values({ ...values, createdBy: by })
    const [made] = await withMaker(tx).where(eq(link.id, values.id))
    if (!made) throw new Error('a link that was just made is not there')
    return { kind: 'made', link: toLink(made) }
  })
}

/** Those of a room that still work, the oldest first; null: of the whole server, so many as one answer can hold. */
export async function linksOf(db: Db, conversationId: string | null): Promise<Link[]> {
  const rows = await withMaker(db)
    .where(and(conversationId === null ? undefined : eq(link.conversationId, conversationId), works))
    .orderBy(asc(link.createdAt), asc(link.id))
    .limit(MOST)
  return rows.map(toLink)
}

/** The link that a secret belongs to. */
export async function findLink(db: Db, tokenHash: string): Promise<FoundLink | null> {
  const [found] = await db
    .select({ row: link, works: sql<boolean>`${works}` })
    .from(link)
    .where(eq(link.tokenHash, tokenHash))
  return found ? { ...found.row, works: found.works } : null
}

/** Takes one use of a link, in one statement, so that two openings at once cannot both have the last one. */
export async function spendLink(tx: Transaction, id: string): Promise<boolean> {
  const spent = await tx
    .update(link)
    .set({ usesLeft: sql`${link.usesLeft} - 1` })
    .where(and(eq(link.id, id), works))
    .returning({ id: link.id })
  return spent.length > 0
}

/** A link that somebody may revoke: of a room that they own, or to a device of their own. `personId` null: whichever. */
export async function reachLink(db: Queryable, id: string, personId: string | null): Promise<LinkRow | null> {
  const [found] = await db
    .select({ row: link })
    .from(link)
    .leftJoin(member, and(eq(member.conversationId, link.conversationId), eq(member.personId, personId ?? sql`null`)))
    .where(and(eq(link.id, id), personId === null ? undefined : or(eq(link.personId, personId), eq(member.role, 'owner'))))
  return found?.row ?? null
}

/** Makes a link worthless; `people`: whoever came by it has to leave its room, but for the owner. Answers who that was. */
export async function revokeLink(db: Db, { id, conversationId }: LinkRow, people: boolean): Promise<string[]> {
  return db.transaction(async (tx) => {
    // The room first, as those do who come in: after this nobody is on the way in by the link.
    const room = conversationId === null ? null : await lockMembers(tx, conversationId)
    await tx
      .update(link)
      .set({ revokedAt: new Date() })
      .where(and(eq(link.id, id), isNull(link.revokedAt)))
    return room && people ? removeThoseOf(tx, room, id) : []
  })
}

/** What a person has made, all of it. */
export async function linksBy(db: Db, personId: string): Promise<string[]> {
  const rows = await db.select({ id: link.id }).from(link).where(eq(link.createdBy, personId))
  return rows.map(({ id }) => id)
}

function withMaker(db: Queryable) {
  return db.select({ row: link, maker: person.name }).from(link).leftJoin(person, eq(person.id, link.createdBy)).$dynamic()
}

function toLink({ row, maker }: { row: LinkRow; maker: string | null }): Link {
  const { id, kind, conversationId, role, label, usesLeft, expiresAt, createdAt, createdBy } = row
  return {
    id,
    kind,
    conversationId,
    role,
    label,
    usesLeft,
    expiresAt: expiresAt?.getTime() ?? null,
    createdAt: createdAt.getTime(),
    createdBy: createdBy === null ? null : { id: createdBy, name: maker ?? '' },
  }
}
