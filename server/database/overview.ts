import { and, desc, eq, gt, inArray, isNull, sql } from 'drizzle-orm'
import type { PersonRow, RoomRow } from '#contract'
import type { Db } from './open.ts'
import { conversation, person, session } from './schema.ts'
import { dayOf } from './usage.ts'

/** As many of each kind as one answer can hold, the newest. */
const ROWS = 1_000

const today = () => dayOf(Date.now())

// Columns are named by hand in what follows: drizzle leaves the table out where there is only one, and a subquery then takes its own.

/** Everybody who ever entered, with the browsers that are signed in. */
export async function everybody(db: Db): Promise<PersonRow[]> {
  const people = await db
    .select({
      person,
      rooms: sql<number>`(select count(*)::int from member join conversation c on c.id = member.conversation_id
        where member.person_id = person.id and c.deleted_at is null)`,
      tokensToday: sql<string>`(select coalesce(sum(total), 0)::text from usage where day = ${today()}::date and person_id = person.id)`,
    })
    .from(person)
    .orderBy(desc(person.createdAt))
    .limit(ROWS)
  const sessions = await db
    .select()
    .from(session)
    .where(
      and(
        gt(session.expiresAt, sql`now()`),
        people.length > 0
          ? inArray(
              session.personId,
              people.map((row) => row.person.id),
            )
          : sql`false`,
      ),
    )
    .orderBy(desc(session.seenAt))
    .limit(ROWS)
  const of = Map.groupBy(sessions, ({ personId }) => personId)
  return people.map(({ person: { id, name, kind, createdAt, seenAt, disabledAt, dayTokens }, rooms, tokensToday }) => ({
    person: { id, name, kind },
    createdAt: createdAt.getTime(),
    seenAt: seenAt?.getTime() ?? null,
    disabled: disabledAt !== null,
    rooms,
    dayTokens,
    tokensToday: Number(tokensToday),
    sessions: (of.get(id) ?? []).map((row) => ({
      id: row.id,
      label: row.label,
      createdAt: row.createdAt.getTime(),
      seenAt: row.seenAt.getTime(),
    })),
  }))
}

/** The rooms of everybody: how many and how much, never what is in them. */
export async function everyRoom(db: Db): Promise<RoomRow[]> {
  const owner = sql<string | null>`(select member.person_id::text from member
    where member.conversation_id = conversation.id and member.role = 'owner' order by member.joined_at limit 1)`
  const rows = await db
    .select({
      id: conversation.id,
      createdAt: conversation.createdAt,
      updatedAt: conversation.updatedAt,
      messages: conversation.count,
      ownerId: owner,
      people: sql<number>`(select count(*)::int from member where member.conversation_id = conversation.id)`,
      tokensToday: sql<string>`(select coalesce(sum(total), 0)::text from usage where day = ${today()}::date and conversation_id = conversation.id)`,
    })
    .from(conversation)
    .where(isNull(conversation.deletedAt))
    .orderBy(desc(conversation.updatedAt))
    .limit(ROWS)
  const ids = rows.flatMap(({ ownerId }) => ownerId ?? [])
  const names = ids.length > 0 ? await db.select({ id: person.id, name: person.name }).from(person).where(inArray(person.id, ids)) : []
  const named = new Map(names.map((author) => [author.id, author]))
  return rows.map(({ ownerId, createdAt, updatedAt, tokensToday, ...row }) => ({
    ...row,
    createdAt: createdAt.getTime(),
    updatedAt: updatedAt.getTime(),
    owner: named.get(ownerId ?? '') ?? null,
    tokensToday: Number(tokensToday),
  }))
}

/** Sets what the owner of the server decides about a person. False: there is no such person. */
export async function changePerson(db: Db, id: string, change: { disabled?: boolean; dayTokens?: number | null }): Promise<boolean> {
  const { disabled, dayTokens } = change
  const values = {
    ...(disabled === undefined ? {} : { disabledAt: disabled ? new Date() : null }),
    ...(dayTokens === undefined ? {} : { dayTokens }),
  }
  const changed =
    Object.keys(values).length === 0
      ? await db.select({ id: person.id }).from(person).where(eq(person.id, id))
      : await db.update(person).set(values).where(eq(person.id, id)).returning({ id: person.id })
  return changed.length > 0
}
