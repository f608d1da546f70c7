import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import type { Member } from '#contract'
import { type Db, rows } from './open.ts'
import { conversation, member, person } from './schema.ts'

/** Who is in a room as the database knows it, those who came first first; and how many messages were ever made there. */
export type Roster = { readonly count: number; readonly members: readonly Omit<Member, 'here'>[] }

/** Nobody is in a room that does not exist or was removed. */
export async function readRoster(db: Db, conversationId: string): Promise<Roster> {
  const found = await db
    .select({ person, role: member.role, read: member.read, count: conversation.count })
    .from(member)
    .innerJoin(person, eq(person.id, member.personId))
    .innerJoin(conversation, eq(conversation.id, member.conversationId))
    .where(and(eq(member.conversationId, conversationId), isNull(conversation.deletedAt)))
    .orderBy(asc(member.joinedAt), asc(person.id))
  return {
    count: found[0]?.count ?? 0,
    members: found.map(({ person: { id, name, kind, seenAt }, role, read }) => ({
      person: { id, name, kind },
      role,
      read,
      seenAt: seenAt?.getTime() ?? null,
    })),
  }
}

/** How far somebody has read in a room, and when somebody was last here. Neither ever goes back. */
export type ReadUpTo = { readonly conversationId: string; readonly personId: string; readonly count: number }
export type SeenAt = { readonly personId: string; readonly atMs: number }

/** Everything that was read and seen since the last time, in one statement. */
export async function writePresence(db: Db, reads: readonly ReadUpTo[], seen: readonly SeenAt[]): Promise<void> {
  await rows(
    db,
    sql`
    with seen as (
      select * from jsonb_to_recordset(${JSON.stringify(seen)}::text::jsonb) as given("personId" uuid, "atMs" float8)
    ), reads as (
      select * from jsonb_to_recordset(${JSON.stringify(reads)}::text::jsonb) as given("conversationId" uuid, "personId" uuid, count int)
    ), people as (
      update person p set seen_at = to_timestamp(seen."atMs" / 1000) from seen
      where p.id = seen."personId" and (p.seen_at is null or p.seen_at < to_timestamp(seen."atMs" / 1000))
    )
    update member m set read = reads.count, changed = pg_current_xact_id() from reads
    where m.conversation_id = reads."conversationId" and m.person_id = reads."personId" and m.read < reads.count`,
  )
}
