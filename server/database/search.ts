import { and, desc, eq, isNull, or, type SQL, sql } from 'drizzle-orm'
import { type SearchHit, snippet, storable, terms } from '#contract'
import type { Queryable } from './conversations.ts'
import { conversation, member, message, person } from './schema.ts'
import { spelled } from './searched.ts'

/** The end of the year 9999: later times no database reads. */
const LAST_MS = 253_402_300_799_999

type Asked = { readonly query: string; readonly limit: number; readonly before?: { createdAt: number; messageId: string } | undefined }

/** Messages of a person's rooms that have every word of a query, newest first. */
export async function searchMessages(db: Queryable, personId: string, asked: Asked): Promise<{ hits: SearchHit[]; more: boolean }> {
  const { limit, before } = asked
  // A database in the C locale knows capitals of ASCII only.
  const query = storable(asked.query).toLowerCase()
  const looked = tsquery(query)
  if (!looked) return { hits: [], more: false }
  const found = await db
    .select({
      messageId: message.id,
      conversationId: message.conversationId,
      position: message.position,
      kind: message.kind,
      author: sql<string>`case when ${message.kind} = 'reply' then coalesce(${message.model}, '') else coalesce(${person.name}, '') end`,
      createdAt: message.createdAt,
      text: message.text,
    })
    .from(message)
    .innerJoin(member, and(eq(member.conversationId, message.conversationId), eq(member.personId, personId)))
    .innerJoin(conversation, and(eq(conversation.id, message.conversationId), isNull(conversation.deletedAt)))
    .leftJoin(person, eq(person.id, message.authorId))
    .where(
      and(
        sql`${message.searched} @@ ${looked}`,
        isNull(message.deletedAt),
        or(isNull(message.state), sql`${message.state} not in ('queued', 'streaming')`),
        before &&
          sql`(${message.createdAt}, ${message.id}) < (${new Date(Math.min(before.createdAt, LAST_MS)).toISOString()}::timestamptz, ${before.messageId}::uuid)`,
      ),
    )
    .orderBy(desc(message.createdAt), desc(message.id))
    .limit(limit + 1)
  const shown = terms(query)
  const hits = found.slice(0, limit).map(({ text, createdAt, ...hit }) => ({
    ...hit,
    createdAt: createdAt.getTime(),
    snippet: snippet(text, shown),
  }))
  return { hits, more: found.length > limit }
}

/** null: there is no word in it. A word with marks inside is several in a row. Accents count here: the database keeps them. */
function tsquery(query: string): SQL | null {
  const parts: SQL[] = []
  for (const { 0: whole, 1: phrase, 2: word, index } of query.matchAll(/"([^"]*)"?|([^\s"]+)/g)) {
    const words = spelled(phrase ?? word ?? '')
    if (!/[\p{L}\p{N}]/u.test(words)) continue
    // Unless a quote is open, the last word is still being written.
    const open = phrase === undefined && index + whole.length === query.length
    parts.push(open ? sql`to_tsquery('simple'::regconfig, ${`'${words}':*`})` : sql`phraseto_tsquery('simple'::regconfig, ${words})`)
  }
  return parts.length === 0 ? null : sql`(${sql.join(parts, sql` && `)})`
}
