import { and, eq, isNull, ne, or } from 'drizzle-orm'
import { type Author, type Failure, LIMITS, preview, type ReplyState, type Thoughts, together, type Usage } from '#contract'
import { type Change, lock, write } from './conversations.ts'
import { changedRow, toReply } from './messages.ts'
import { carryOut, type Operation } from './operations.ts'
import type { Db } from './open.ts'
import { message } from './schema.ts'
import { addUsage } from './usage.ts'

export type FinalState = Exclude<ReplyState, 'queued' | 'streaming'>

/** How a reply ended, with its whole text; null leaves the text as it is. */
export type Outcome = {
  readonly state: FinalState
  readonly text: string | null
  /** What the provider says answered, and what that has cost; null: it has not been asked this time, and what is known of the times before stays. */
  readonly model: string | null
  readonly usage: Usage | null
  readonly failure: Failure | null
  readonly truncated: boolean
  /** Missing: it has said nothing of them this time, and what it said before stays. */
  readonly thoughts?: Thoughts
  /** Missing: the model was not asked, and what did not fit the last time stays true. */
  readonly omitted?: number
  readonly stoppedBy: Author | null
  /** By which somebody has stopped it. */
  readonly operation?: Operation | undefined
}

/** `untitled`: it is a complete reply of a room whose title nobody has chosen, nor asked a model for. */
export type Finished = Change & { readonly untitled: boolean }

/**
 * Writes how a reply ended, and what it has cost whoever asked for it; `speaker` is the model's name for the room's last line. null: it had ended
 * before, and stays as it was. `at`, the moment of the end, also tells one end from another: repeated with the same one, it changes nothing in a
 * reply that has been put back into the queue meanwhile.
 */
export async function finish(
  db: Db,
  reply: { id: string; conversationId: string },
  outcome: Outcome,
  speaker: string,
  at = new Date(),
): Promise<Finished | null> {
  return db.transaction(async (tx) => {
    const locked = await lock(tx, reply.conversationId)
    if (!locked) return null
    const revision = locked.row.revision + 1
    const { stoppedBy, text, operation, model, usage, ...values } = outcome
    if (operation) await carryOut(tx, operation)
    const [before] = usage === null ? [] : await tx.select({ usage: message.usage }).from(message).where(eq(message.id, reply.id))
    const [row] = await tx
      .update(message)
      .set({
        ...values,
        ...(text === null ? {} : { text }),
        ...(model === null ? {} : { model }),
        ...(usage === null ? {} : { usage: together(before?.usage ?? null, usage) }),
        stoppedById: stoppedBy?.id ?? null,
        retryAt: null,
        finishedAt: at,
        revision,
      })
      // A reply in the queue keeps the moment of its last end: if that is this one, it was written, and somebody has asked again since.
      .where(
        and(
          eq(message.id, reply.id),
          or(eq(message.state, 'streaming'), and(eq(message.state, 'queued'), or(isNull(message.finishedAt), ne(message.finishedAt, at)))),
        ),
      )
      .returning(changedRow)
    if (!row) return null
    if (usage) {
      const personId = row.authorId ?? locked.row.createdBy
      await addUsage(tx, {
        personId,
        conversationId: row.conversationId,
        model: model ?? row.wantedModel ?? locked.row.model ?? speaker,
        usage,
      })
    }
    const untitled = row.state === 'complete' && row.text !== '' && locked.row.titling === 'open'
    const written = await write(tx, locked, {
      revision,
      runningId: locked.row.runningId === row.id ? null : locked.row.runningId,
      ...(row.text === '' ? {} : { lastName: speaker, lastText: preview(row.text, LIMITS.previewLength) }),
      updatedAt: new Date(),
    })
    return { conversation: written, messages: [toReply(row, row)], members: locked.members, untitled }
  })
}
