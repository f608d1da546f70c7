import { and, desc, eq, isNull, or, type SQL, sql } from 'drizzle-orm'
import { type SearchHit, snippet, storable, terms } from '#contract'
import type { Queryable } from './conversations.ts'
import { conversation, member, message, person } from './schema.ts'

/** Of a text that is searched: more of it might not fit a tsvector, and then the message could not be stored at all. */
const SEARCHED = sql`to_tsvector('simple'::regconfig, left(${message.text}, 64000))`

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
        sql`${SEARCHED} @@ ${looked}`,
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

/** null: there is no word in it. Accents count here: the database keeps them. */
function tsquery(query: string): SQL | null {
  const parts: SQL[] = []
  for (const [, phrase, word] of query.matchAll(/"([^"]*)"?|([^\s"]+)/g)) {
    if (!/[\p{L}\p{N}]/u.test(phrase ?? word ?? '')) continue
    parts.push(
      phrase === undefined ? sql`plainto_tsquery('simple'::regconfig, ${word})` : sql`phraseto_tsquery('simple'::regconfig, ${phrase})`,
    )
  }
  const last = /[^\s"]+$/.exec(query)?.[0]
  // Unless a quote is open, the last word is still being written.
  if (last && /[\p{L}\p{N}]/u.test(last) && (query.split('"').length - 1) % 2 === 0) {
    parts.pop()
    parts.push(sql`to_tsquery('simple'::regconfig, ${`'${last.replace(/['\\]/g, ' ')}':*`})`)
  }
  return parts.length === 0 ? null : sql`(${sql.join(parts, sql` && `)})`
}
