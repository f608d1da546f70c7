import { and, eq, gt, isNull, sql } from 'drizzle-orm'
import type { Person } from '#contract'
import type { Queryable, Transaction } from './conversations.ts'
import type { Db } from './open.ts'
import { link, person, session } from './schema.ts'

/** Who a session belongs to. */
export type Session = { readonly id: string; readonly person: Person; readonly seenAt: Date }

export async function findOwner(db: Queryable): Promise<Person | null> {
  const [owner] = await db.select().from(person).where(eq(person.kind, 'owner')).limit(1)
  return owner ? toPerson(owner) : null
}

export async function findSession(db: Db, tokenHash: string): Promise<Session | null> {
  const [found] = await db
    .select({ id: session.id, seenAt: session.seenAt, person })
    .from(session)
    .innerJoin(person, eq(person.id, session.personId))
    .where(and(eq(session.tokenHash, tokenHash), gt(session.expiresAt, sql`now()`), isNull(person.disabledAt)))
  return found ? { id: found.id, seenAt: found.seenAt, person: toPerson(found.person) } : null
}

export async function openSession(
  db: Queryable,
  values: { id: string; tokenHash: string; personId: string; label: string; expiresAt: Date },
): Promise<void> {
  await db.insert(session).values(values)
}

export async function extendSession(db: Db, id: string, expiresAt: Date): Promise<void> {
  await db.update(session).set({ seenAt: new Date(), expiresAt }).where(eq(session.id, id))
}

export async function closeSession(db: Db, id: string): Promise<void> {
  await db.delete(session).where(eq(session.id, id))
}

export async function addLink(db: Db, values: { id: string; tokenHash: string; kind: 'claim'; usesLeft: number; expiresAt: Date }) {
  await db.insert(link).values(values)
}

/** Takes one use of a link, in one statement, so that two openings at once cannot both have the last one. */
export async function spendLink(tx: Transaction, tokenHash: string): Promise<boolean> {
  const spent = await tx
    .update(link)
    .set({ usesLeft: sql`${link.usesLeft} - 1` })
    .where(and(eq(link.tokenHash, tokenHash), gt(link.usesLeft, 0), gt(link.expiresAt, sql`now()`)))
    .returning({ id: link.id })
  return spent.length > 0
}

/** Forgets links and sessions that nobody can use any more. Answers the ids of those sessions. */
export async function forgetExpired(db: Db): Promise<string[]> {
  await db.delete(link).where(sql`${link.expiresAt} < now() or ${link.usesLeft} = 0`)
  const ended = await db
    .delete(session)
    .where(sql`${session.expiresAt} < now()`)
    .returning({ id: session.id })
  return ended.map(({ id }) => id)
}

export async function addPerson(tx: Transaction, values: { id: string; name: string; kind: Person['kind'] }): Promise<Person> {
  await tx.insert(person).values(values)
  return values
}

function toPerson(row: typeof person.$inferSelect): Person {
  return { id: row.id, name: row.name, kind: row.kind }
}
