import { eq, sql } from 'drizzle-orm'
import type { Queryable } from './conversations.ts'
import type { Db } from './open.ts'
import { operation } from './schema.ts'

/** What a client asks for once, however often it has to say so. */
export type Operation = { readonly id: string; readonly personId: string }

/** Writes that an operation is carried out, by the transaction that does it. False: it was before. */
export async function carryOut(db: Queryable, values: Operation): Promise<boolean> {
  return (await db.insert(operation).values(values).onConflictDoNothing().returning({ id: operation.id })).length > 0
}

/** Whether an operation has been carried out. */
export async function isCarriedOut(db: Queryable, id: string): Promise<boolean> {
  return (await db.select({ id: operation.id }).from(operation).where(eq(operation.id, id))).length > 0
}

/** Forgets what no client repeats any more. */
export async function forgetOperations(db: Db): Promise<void> {
  await db.delete(operation).where(sql`${operation.at} < now() - interval '30 days'`)
}
