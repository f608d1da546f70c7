import type { SQL } from 'bun'
import type { Message, ReplyState } from '#contract'
import type { Database } from '../../web/store/database.ts'
import { PENDING_POSITION } from '../../web/store/places.ts'

/* What a room's transcript is for everybody: the one form in which the database, a tab's store and what a client heard are compared. */

export type TranscriptRow = {
  readonly id: string
  readonly parentId: string | null
  readonly kind: string
  /** Who wrote it, or asked for the reply. */
  readonly authorId: string | null
  readonly text: string
  readonly position: number
  readonly revision: number
  /** Of a reply; null for a person's message. */
  readonly state: ReplyState | null
  readonly deleted: boolean
}

const KEYS = ['id', 'parentId', 'kind', 'authorId', 'text', 'position', 'revision', 'state', 'deleted'] as const

/** The same sixty-four digits for the same rows, in whatever order they come. */
export function transcriptHash(rows: readonly TranscriptRow[]): string {
  const canonical = rows.toSorted((one, other) => one.position - other.position).map((row) => KEYS.map((key) => row[key]))
  return new Bun.CryptoHasher('sha256').update(JSON.stringify(canonical)).digest('hex')
}

/** Of the rows that a client holds. */
export function transcriptOf(messages: Iterable<Message>): TranscriptRow[] {
  return Array.from(messages, (row) => ({
    ...row,
    authorId: (row.kind === 'reply' ? row.askedBy?.id : row.author.id) ?? null,
    state: row.kind === 'reply' ? row.state : null,
  }))
}

export async function transcriptInDatabase(sql: SQL, conversationId: string): Promise<TranscriptRow[]> {
  const rows: TranscriptRow[] = await sql`
    select id, parent_id as "parentId", kind, author_id as "authorId", text, position, revision, state, deleted_at is not null as deleted
    from message where conversation_id = ${conversationId}`
  return [...rows]
}

/** Of the rows in a browser's store, also of those that the server has not confirmed. */
export async function transcriptInStore(db: Database, conversationId: string): Promise<TranscriptRow[]> {
  const rows = await db.messages
    .where('[conversationId+position]')
    .between([conversationId, 0], [conversationId, PENDING_POSITION * 2])
    .toArray()
  return transcriptOf(rows)
}

/** The first differences in words, for whoever has to find out why. */
export function transcriptDifference(own: readonly TranscriptRow[], wanted: readonly TranscriptRow[]): string {
  const mine = new Map(own.map((row) => [row.id, row]))
  const faults = wanted.flatMap((row) => {
    const found = mine.get(row.id)
    if (!found) return [`no ${row.kind} ${row.id} (revision ${row.revision})`]
    return KEYS.filter((key) => found[key] !== row[key]).map(
      (key) => `${row.kind} ${row.id} has ${key} ${String(found[key]).slice(0, 40)}, not ${String(row[key]).slice(0, 40)}`,
    )
  })
  const strangers = own.filter(({ id }) => !wanted.some((row) => row.id === id)).map(({ kind, id }) => `a ${kind} ${id} of nobody`)
  return [...faults, ...strangers].slice(0, 5).join('; ')
}
