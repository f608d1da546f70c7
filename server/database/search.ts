import { setImmediate } from 'node:timers/promises'
import { and, desc, eq, isNull, or, type SQL, sql } from 'drizzle-orm'
import { type SearchHit, snippet, storable, terms } from '#contract'
import type { Queryable } from './conversations.ts'
import { conversation, member, message, person } from './schema.ts'
import { part, spelled } from './searched.ts'

/** The end of the year 9999: later times no database reads. */
const LAST_MS = 253_402_300_799_999

type Asked = { readonly query: string; readonly limit: number; readonly before?: { createdAt: number; messageId: string } | undefined }

/** Messages of a person's rooms that have every word of a query in what is searched of them, newest first. */
export async function searchMessages(db: Queryable, personId: string, asked: Asked): Promise<{ hits: SearchHit[]; more: boolean }> {
  const { limit, before } = asked
  const query = storable(asked.query)
  const looked = tsquery(query)
  if (!looked) return { hits: [], more: false }
  const rooms = db
    .select({ id: member.conversationId })
    .from(member)
    .innerJoin(conversation, and(eq(conversation.id, member.conversationId), isNull(conversation.deletedAt)))
    .where(eq(member.personId, personId))
  // Which ones, before anything long is read: very many may have a common word.
  const page = db
    .select({ id: message.id })
    .from(message)
    .where(
      and(
        // As an array: by a join, a planner that has no figures yet reads the index of words once for every room.
        sql`${message.conversationId} = any(array(${rooms}))`,
        sql`${message.searched} @@ ${looked}`,
        isNull(message.deletedAt),
        or(isNull(message.state), sql`${message.state} not in ('queued', 'streaming')`),
        before &&
          sql`(${message.createdAt}, ${message.id}) < (${new Date(Math.min(before.createdAt, LAST_MS)).toISOString()}::timestamptz, ${before.messageId}::uuid)`,
      ),
    )
    .orderBy(desc(message.createdAt), desc(message.id))
    .limit(limit + 1)
    .as('page')
  const found = await db
    .select({
      messageId: message.id,
      conversationId: message.conversationId,
      position: message.position,
      kind: message.kind,
      author: sql<string>`case when ${message.kind} = 'reply' then coalesce(${message.model}, '') else coalesce(${person.name}, '') end`,
      createdAt: message.createdAt,
      text: part(message.text),
    })
    .from(page)
    .innerJoin(message, eq(message.id, page.id))
    .leftJoin(person, eq(person.id, message.authorId))
    .orderBy(desc(message.createdAt), desc(message.id))
  const shown = terms(query)
  const hits: SearchHit[] = []
  for (const { text, createdAt, ...hit } of found.slice(0, limit)) {
    hits.push({ ...hit, createdAt: createdAt.getTime(), snippet: snippet(text, shown) })
    // To look through a long text takes milliseconds, in which nobody else is heard.
    await setImmediate()
  }
  return { hits, more: found.length > limit }
}

/** null: there is no word in it. A word with marks inside is several in a row. */
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
