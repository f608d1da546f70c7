import { and, asc, eq, gt, inArray, isNotNull, isNull, sql } from 'drizzle-orm'
import type { Person } from '#contract'
import type { Queryable } from './conversations.ts'
import { forgetOperations } from './operations.ts'
import type { Db } from './open.ts'
import { link, person, session } from './schema.ts'

/** Who a session belongs to. */
export type Session = { readonly id: string; readonly person: Person; readonly seenAt: Date; readonly expiresAt: Date }

export async function findSession(db: Db, tokenHash: string): Promise<Session | null> {
  const [found] = await db
    .select({
      id: session.id,
      seenAt: session.seenAt,
      expiresAt: session.expiresAt,
      person: { id: person.id, name: person.name, kind: person.kind },
    })
    .from(session)
    .innerJoin(person, eq(person.id, session.personId))
    .where(and(eq(session.tokenHash, tokenHash), gt(session.expiresAt, sql`now()`), isNull(person.disabledAt)))
  return found ?? null
}

/** Whether a browser was signed in as somebody who is disabled now. */
export async function isBarred(db: Db, tokenHash: string): Promise<boolean> {
  const [found] = await db
    .select({ id: session.id })
    .from(session)
    .innerJoin(person, eq(person.id, session.personId))
    .where(and(eq(session.tokenHash, tokenHash), isNotNull(person.disabledAt)))
  return found !== undefined
}

export async function openSession(
  db: Queryable,
  values: { id: string; tokenHash: string; personId: string; label: string; expiresAt: Date },
): Promise<void> {
  await db.insert(session).values(values)
}

/** Sessions that are in use now. */
export async function touchSessions(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db
    .update(session)
    .set({ seenAt: new Date() })
    .where(inArray(session.id, [...ids]))
}

export async function extendSession(db: Db, id: string, expiresAt: Date): Promise<void> {
  await db.update(session).set({ seenAt: new Date(), expiresAt }).where(eq(session.id, id))
}

/** Ends a session; with `personId` only if it is theirs. One that is gone has ended. */
export async function closeSession(db: Queryable, id: string, personId?: string): Promise<void> {
  await db.delete(session).where(and(eq(session.id, id), personId === undefined ? undefined : eq(session.personId, personId)))
}

/** The signed-in browsers of a person, the oldest first. */
export async function sessionsOf(db: Db, personId: string): Promise<{ id: string; label: string; createdAt: Date; seenAt: Date }[]> {
  return db
    .select({ id: session.id, label: session.label, createdAt: session.createdAt, seenAt: session.seenAt })
    .from(session)
    .where(and(eq(session.personId, personId), gt(session.expiresAt, sql`now()`)))
    .orderBy(asc(session.createdAt), asc(session.id))
}

/**
 * Forgets sessions, links and operations that nobody can use any more; links that lead into rooms stay for a year, for whoever came by them.
 * Answers the ids of those sessions.
 */
export async function forgetExpired(db: Db): Promise<string[]> {
  const dead = sql`(${link.expiresAt} < now() or ${link.usesLeft} = 0 or ${link.revokedAt} is not null)`
  await db.delete(link).where(sql`${dead} and (${link.conversationId} is null or ${link.createdAt} < now() - interval '366 days')`)
  await forgetOperations(db)
  const ended = await db
    .delete(session)
    .where(sql`${session.expiresAt} < now()`)
    .returning({ id: session.id })
  return ended.map(({ id }) => id)
}
