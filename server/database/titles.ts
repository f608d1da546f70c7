import type { Usage } from '#contract'
import { type Change, lock, write } from './conversations.ts'
import type { Db } from './open.ts'
import { addUsage } from './usage.ts'

/** What a model has found, if anything, and what that has cost whom. */
export type Found = {
  readonly title: string | null
  readonly cost: { readonly personId: string; readonly model: string; readonly usage: Usage } | null
}

/** Gives a room the title that a model has found, unless somebody has chosen one meanwhile. null: the room stays as it is. */
export async function giveTitle(db: Db, conversationId: string, { title, cost }: Found): Promise<Change | null> {
  return db.transaction(async (tx) => {
    const locked = await lock(tx, conversationId)
    if (!locked) return null
    if (cost) await addUsage(tx, { ...cost, conversationId })
    const { row, members } = locked
    if (title === null || title === row.title || row.titling !== 'asked' || row.deletedAt !== null) return null
    return { conversation: await write(tx, locked, { title, revision: row.revision + 1 }), messages: [], members }
  })
}
