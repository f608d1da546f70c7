import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Arrangement } from '#contract'
import { thisTransaction, type Transaction } from './conversations.ts'
import { carryOut } from './operations.ts'
import type { Db } from './open.ts'
import { arrangement, conversation, member } from './schema.ts'

type Row = typeof arrangement.$inferSelect
type Fields = Partial<Pick<Row, 'pin' | 'archived' | 'tags'>>

export function toArrangement({ conversationId, pin, archived, tags, version }: Row): Arrangement {
  return { conversationId, pin, archived, tags, version }
}

/**
 * Sets how somebody keeps a room, and answers how they keep it now; what this very operation has set before is not set again. null: the room is not
 * there, or not theirs.
 */
export async function arrange(
  db: Db,
  personId: string,
  conversationId: string,
  fields: Fields,
  operation?: string,
): Promise<Arrangement | null> {
  return db.transaction(async (tx) => {
    // Whoever leaves the room meanwhile waits for this, and empties it.
    const [theirs] = await tx
      .select({ id: conversation.id })
      .from(member)
      .innerJoin(conversation, eq(conversation.id, member.conversationId))
      .where(and(eq(member.personId, personId), eq(member.conversationId, conversationId), isNull(conversation.deletedAt)))
      .for('key share', { of: member })
    if (!theirs) return null
    if (operation !== undefined && !(await carryOut(tx, { id: operation, personId }))) {
      const [row] = await tx.select().from(arrangement).where(of(conversationId, personId))
      return row ? toArrangement(row) : { conversationId, pin: null, archived: false, tags: [], version: 0 }
    }
    const [row] = await tx
      .insert(arrangement)
      .values({ personId, conversationId, tags: [], ...fields, version: 1, changed: thisTransaction })
      .onConflictDoUpdate({
        target: [arrangement.personId, arrangement.conversationId],
        set: { ...fields, version: sql`${arrangement.version} + 1`, changed: thisTransaction },
      })
      .returning()
    if (!row) throw new Error('an arrangement vanished')
    return toArrangement(row)
  })
}

/** Somebody leaves a room: should they come back, they find it as any other one. */
export async function disarrange(tx: Transaction, conversationId: string, personId: string): Promise<void> {
  await tx
    .update(arrangement)
    .set({ pin: null, archived: false, tags: [], version: sql`${arrangement.version} + 1`, changed: thisTransaction })
    .where(of(conversationId, personId))
}

function of(conversationId: string, personId: string) {
  return and(eq(arrangement.personId, personId), eq(arrangement.conversationId, conversationId))
}
