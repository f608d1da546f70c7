import { and, eq, isNull } from 'drizzle-orm'
import type { Defaults, Person } from '#contract'
import type { Queryable, Transaction } from './conversations.ts'
import type { Db } from './open.ts'
import { conversation, member, person } from './schema.ts'

const defaults = { model: person.defaultModel, instructions: person.defaultInstructions }

export async function findOwner(db: Queryable): Promise<Person | null> {
  const [owner] = await db.select().from(person).where(eq(person.kind, 'owner')).limit(1)
  return owner ? toPerson(owner) : null
}

/** Throws when there is no such person. */
export async function findPerson(db: Queryable, id: string | null): Promise<Person> {
  const [found] = id === null ? [] : await db.select().from(person).where(eq(person.id, id))
  if (!found) throw new Error('a link to a device of nobody')
  return toPerson(found)
}

export async function addPerson(tx: Transaction, values: { id: string; name: string; kind: Person['kind'] }): Promise<Person> {
  await tx.insert(person).values(values)
  return values
}

/** null: there is no such person. */
export async function rename(db: Db, id: string, name: string): Promise<Person | null> {
  const [row] = await db.update(person).set({ name }).where(eq(person.id, id)).returning()
  return row ? toPerson(row) : null
}

/** Throws when there is no such person. */
export async function readDefaults(db: Db, id: string): Promise<Defaults> {
  const [row] = await db.select(defaults).from(person).where(eq(person.id, id))
  if (!row) throw new Error('nobody has these defaults')
  return row
}

/** Changes some of them, and returns them all. null: there is no such person. */
export async function writeDefaults(db: Db, id: string, { model, instructions }: Partial<Defaults>): Promise<Defaults | null> {
  const [row] = await db
    .update(person)
    // The id is there so that a call that changes nothing is no error.
    .set({
      id,
      ...(model === undefined ? {} : { defaultModel: model }),
      ...(instructions === undefined ? {} : { defaultInstructions: instructions }),
    })
    .where(eq(person.id, id))
    .returning(defaults)
  return row ?? null
}

/** The rooms that a person is in. */
export async function roomsOf(db: Db, personId: string): Promise<string[]> {
  const rows = await db
    .select({ id: member.conversationId })
    .from(member)
    .innerJoin(conversation, eq(conversation.id, member.conversationId))
    .where(and(eq(member.personId, personId), isNull(conversation.deletedAt)))
  return rows.map(({ id }) => id)
}

function toPerson(row: typeof person.$inferSelect): Person {
  return { id: row.id, name: row.name, kind: row.kind }
}
