import { and, asc, eq, gt, isNull, or, sql } from 'drizzle-orm'
import { LIMITS, type Passkey, type Person } from '#contract'
import type { Transaction } from './conversations.ts'
import type { Db } from './open.ts'
import { passkey, person, session } from './schema.ts'

export type PasskeyRow = typeof passkey.$inferSelect
export type NewPasskeyRow = Omit<PasskeyRow, 'createdAt' | 'usedAt'>

/** Those of a person, the oldest first. */
export async function passkeysOf(db: Db, personId: string): Promise<PasskeyRow[]> {
  return db.select().from(passkey).where(eq(passkey.personId, personId)).orderBy(asc(passkey.createdAt), asc(passkey.id))
}

/** Whose a passkey is; null: nobody's who may come in, or it was made for another host. */
export async function findPasskey(db: Db, id: string, host: string): Promise<{ passkey: PasskeyRow; person: Person } | null> {
  const [found] = await db
    .select({ passkey, person: { id: person.id, name: person.name, kind: person.kind } })
    .from(passkey)
    .innerJoin(person, eq(person.id, passkey.personId))
    .where(and(eq(passkey.id, id), eq(passkey.host, host), isNull(person.disabledAt)))
  return found ?? null
}

/**
 * By a session, unless that has ended meanwhile: then, and when this person has as many as there may be, null. A credential that somebody has
 * already is a unique violation.
 */
export async function addPasskey(db: Db, sessionId: string, values: NewPasskeyRow): Promise<PasskeyRow | null> {
  return db.transaction(async (tx) => {
    // Two that are added in the same moment are counted one after the other.
    const [maker] = await tx.select({ disabledAt: person.disabledAt }).from(person).where(eq(person.id, values.personId)).for('update')
    const [by] = await tx
      .select({ id: session.id })
      .from(session)
      .where(and(eq(session.id, sessionId), eq(session.personId, values.personId)))
      .for('share')
    if (!maker || maker.disabledAt !== null || !by) return null
    if ((await tx.$count(passkey, eq(passkey.personId, values.personId))) >= LIMITS.passkeysAtOnce) return null
    const [made] = await tx.insert(passkey).values(values).returning()
    return made ?? null
  })
}

/**
 * Counts a use of a passkey. False when it is gone, or when its device has counted as far before: then there are two of it. One statement, so
 * that of two answers with the same count one is refused.
 */
export async function countUse(tx: Transaction, id: string, counter: number): Promise<boolean> {
  const goesOn = or(gt(sql`${counter}::bigint`, passkey.counter), and(eq(passkey.counter, 0), eq(sql`${counter}::bigint`, 0)))
  const used = await tx
    .update(passkey)
    .set({ counter, usedAt: new Date() })
    .where(and(eq(passkey.id, id), goesOn))
    .returning({ id: passkey.id })
  return used.length > 0
}

/** False: it is not there, or not theirs. */
export async function removePasskey(db: Db, id: string, personId: string): Promise<boolean> {
  const removed = await db
    .delete(passkey)
    .where(and(eq(passkey.id, id), eq(passkey.personId, personId)))
    .returning({ id: passkey.id })
  return removed.length > 0
}

export function toPasskey({ id, name, host, createdAt, usedAt }: PasskeyRow): Passkey {
  return { id, name, host, createdAt: createdAt.getTime(), usedAt: usedAt?.getTime() ?? null }
}
