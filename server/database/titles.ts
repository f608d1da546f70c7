import { and, eq, isNull } from 'drizzle-orm'
import type { Usage } from '#contract'
import { type Change, lock, write } from './conversations.ts'
import type { Db } from './open.ts'
import { carryOut, isCarriedOut } from './operations.ts'
import { conversation } from './schema.ts'
import { addUsage, takeUsage } from './usage.ts'

/** What a call to a model has cost, when (a day of UTC), and whom. */
export type Cost = { readonly day: string; readonly personId: string; readonly model: string; readonly usage: Usage }

/** What a model has found, if anything, and what that has cost in place of what was thought; null: nothing. */
export type Found = { readonly title: string | null; readonly thought: Cost; readonly cost: Cost | null }

/**
 * Takes it upon the caller to ask a model for a room's title, which is done once. The call is paid for, with what it is thought to cost, from now on:
 * a server that is killed in the middle of it has asked, too. False: it was asked for before, somebody has chosen one, or the room is gone. Repeated
 * with the same id, after a lost answer, it is the same claim.
 */
export async function claimTitle(db: Db, conversationId: string, id: string, thought: Cost): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [claimed] = await tx
      .update(conversation)
      .set({ titling: 'asked' })
      .where(and(eq(conversation.id, conversationId), eq(conversation.titling, 'open'), isNull(conversation.deletedAt)))
      .returning({ id: conversation.id })
    if (!claimed) return isCarriedOut(tx, id)
    await carryOut(tx, { id, personId: thought.personId })
    await addUsage(tx, { ...thought, conversationId })
    return true
  })
}

/**
 * Gives a room the title that a model has found, unless somebody has chosen one meanwhile, and writes what that has cost; with the same id once.
 * null: the room stays as it is.
 */
export async function giveTitle(db: Db, conversationId: string, id: string, { title, thought, cost }: Found): Promise<Change | null> {
  return db.transaction(async (tx) => {
    const locked = await lock(tx, conversationId)
    if (!locked || !(await carryOut(tx, { id, personId: thought.personId }))) return null
    await takeUsage(tx, { ...thought, conversationId })
    if (cost) await addUsage(tx, { ...cost, conversationId })
    const { row, members } = locked
    if (title === null || title === row.title || row.titling !== 'asked' || row.deletedAt !== null) return null
    return { conversation: await write(tx, locked, { title, revision: row.revision + 1 }), messages: [], members }
  })
}
