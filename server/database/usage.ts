import { and, desc, eq, gt, gte, sql } from 'drizzle-orm'
import type { Person, Usage, UsageRow } from '#contract'
import type { Queryable, Transaction } from './conversations.ts'
import type { Db } from './open.ts'
import { conversation, member, message, person, usage } from './schema.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Rows of one report: it has to fit one answer. */
const REPORT_ROWS = 3_000

/** `2026-11-22`, UTC. */
export function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10)
}

/** The midnight, UTC, that ends a day. */
export function dayEnd(atMs: number): number {
  return (Math.floor(atMs / DAY_MS) + 1) * DAY_MS
}

/** Whom, where and by what model something has cost so much; of today, when no day is given. */
type Costs = { day?: string; personId: string; conversationId: string; model: string; usage: Usage }

/** Adds what one call has cost, as the provider has reported or, where it has not, as it is estimated, to what was used today. */
export function addUsage(tx: Transaction, costs: Costs): Promise<void> {
  return book(tx, costs, 1)
}

/** Takes an estimate back that was added. */
export function takeUsage(tx: Transaction, costs: Costs): Promise<void> {
  return book(tx, costs, -1)
}

async function book(tx: Transaction, { usage: used, ...whose }: Costs, calls: 1 | -1): Promise<void> {
  const [prompt, output, total] = [used.prompt * calls, used.output * calls, used.total * calls]
  await tx
    .insert(usage)
    .values({ day: dayOf(Date.now()), ...whose, calls, prompt, output, total })
    .onConflictDoUpdate({
      target: [usage.day, usage.personId, usage.conversationId, usage.model],
      set: {
        calls: sql`${usage.calls} + ${calls}`,
        prompt: sql`${usage.prompt} + ${prompt}`,
        output: sql`${usage.output} + ${output}`,
        total: sql`${usage.total} + ${total}`,
      },
    })
}

/**
 * Who asked for a reply and where, the tokens of a day that they, its room, all guests, and all together have used, and the bounds of the first
 * two. null: there is no such reply.
 */
export async function spendingOf(db: Queryable, replyId: string, day: string) {
  const [found] = await db
    .select({
      personId: message.authorId,
      conversationId: message.conversationId,
      guest: sql<boolean>`coalesce(${person.kind} = 'guest', false)`,
      disabled: sql<boolean>`${person.disabledAt} is not null`,
      personBound: person.dayTokens,
      roomBound: conversation.dayTokens,
      byPerson: sql<string>`(select coalesce(sum(total), 0)::text from usage where day = ${day}::date and person_id = ${message.authorId})`,
      inRoom: sql<string>`(select coalesce(sum(total), 0)::text from usage where day = ${day}::date and conversation_id = ${message.conversationId})`,
      byGuests: sql<string>`(select coalesce(sum(total), 0)::text from usage join person on person.id = usage.person_id where day = ${day}::date and person.kind = 'guest')`,
      inAll: sql<string>`(select coalesce(sum(total), 0)::text from usage where day = ${day}::date)`,
    })
    .from(message)
    .innerJoin(conversation, eq(conversation.id, message.conversationId))
    .leftJoin(person, eq(person.id, message.authorId))
    .where(eq(message.id, replyId))
  if (!found) return null
  const { byPerson, inRoom, byGuests, inAll, ...asked } = found
  return { ...asked, byPerson: Number(byPerson), inRoom: Number(inRoom), byGuests: Number(byGuests), inAll: Number(inAll) }
}

/** A person's own bound; null: the server's. */
export async function dayTokensOf(db: Queryable, personId: string): Promise<number | null> {
  const [found] = await db.select({ dayTokens: person.dayTokens }).from(person).where(eq(person.id, personId))
  return found?.dayTokens ?? null
}

/** What was used since a day, newest first: by the reader, or by everybody for the owner of the server. Only whole days; `more`: older ones are left. */
export async function usageSince(db: Db, reader: Person, day: string): Promise<{ rows: UsageRow[]; more: boolean }> {
  const mine = reader.kind === 'owner' ? undefined : eq(usage.personId, reader.id)
  const found = await db
    .select({ usage, name: person.name, title: sql<string>`case when ${member.role} is null then '' else ${conversation.title} end` })
    .from(usage)
    .innerJoin(person, eq(person.id, usage.personId))
    .leftJoin(member, and(eq(member.conversationId, usage.conversationId), eq(member.personId, reader.id)))
    .leftJoin(conversation, eq(conversation.id, usage.conversationId))
    // Without a call: of an estimate that was taken back.
    .where(and(gte(usage.day, day), gt(usage.calls, 0), mine))
    .orderBy(desc(usage.day), usage.personId, usage.conversationId, usage.model)
    .limit(REPORT_ROWS + 1)
  const more = found.length > REPORT_ROWS
  const cut = more ? found.at(-1)?.usage.day : null
  const rows = found
    .filter((row) => row.usage.day !== cut)
    .map(({ usage: { personId, conversationId, ...row }, name, title }) => ({
      ...row,
      person: { id: personId, name },
      conversation: { id: conversationId, title },
    }))
  return { rows, more }
}
