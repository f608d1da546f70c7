import type { Thoughts } from '#contract'
import { current } from '../database/conversations.ts'
import { byIds } from '../database/messages.ts'
import { finish, type Outcome } from '../database/finishing.ts'
import { openReplies, putBack } from '../database/replies.ts'
import type { Db } from '../database/open.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { reason } from '../log.ts'
import { NOTHING_SAID, textSeen, writeSome } from './ending.ts'
import type { LeftBehind, Used } from './journal.ts'
import type { Asked, Ref, ReplyParts } from './parts.ts'
import type { ReplyQueue } from './queue.ts'

/**
 * Before the first socket is let in: writes what the journals of an ended server hold, as exactly the text that anybody had seen. A reply
 * that was being written without a journal here (it was on another disk) is interrupted, too. Returns the replies that still wait for their turn,
 * and those that the model had only refused.
 */
export async function recover(parts: ReplyParts): Promise<Asked[]> {
  const leftOver = new Set<string>()
  for (const left of parts.journals.left()) if (!(await isDone(parts, left.id, () => restore(parts, left)))) leftOver.add(left.id)
  const waiting: Asked[] = []
  for (const reply of await openReplies(parts.db)) {
    // To end it here, or to ask for it again, would be to lose the text that was seen.
    if (leftOver.has(reply.id)) continue
    if (reply.state === 'queued') waiting.push(reply)
    else await isDone(parts, reply.id, () => interrupt(parts, reply, null, null))
  }
  return waiting
}

/**
 * After a change of a room that may or may not have been made: starts the replies that wait in it, for whoever asked for them may never ask again.
 * Returns the room as it is.
 */
export async function lookAgain(db: Db, queue: Pick<ReplyQueue, 'add'>, conversationId: string): ReturnType<typeof current> {
  const now = await current(db, conversationId)
  for (const reply of await openReplies(db)) if (reply.state === 'queued' && reply.conversationId === conversationId) queue.add(reply)
  return now
}

/**
 * Whether what a start has to do for one reply was done. One that cannot be written, or takes longer than anybody waits, is left to the next start, which
 * may have more luck with it: this one has all the others to look after. Rejects when the database is away.
 */
async function isDone({ db, log }: ReplyParts, id: string, work: () => Promise<void>): Promise<boolean> {
  for (let tries = 2; ; tries--) {
    try {
      await work()
      return true
    } catch (error) {
      // Whether it is the database or only this row: then somebody else's question is answered.
      if (isUnavailable(error)) await openReplies(db)
      if (isUnavailable(error) && tries > 1) continue
      log.error('reply.not_restored', { reply: id, reason: reason(error) })
      return false
    }
  }
}

async function restore(parts: ReplyParts, left: LeftBehind): Promise<void> {
  const [found] = await byIds(parts.db, [left.id])
  if (!found) {
    // The server was started with another database than before, perhaps by mistake: what was seen there must not be lost here.
    parts.log.warn('reply.of_another_database', { reply: left.id })
    return
  }
  const text = textSeen(left, found.row.text)
  if (left.ending !== null && left.endedAt !== null) {
    const at = left.endedAt
    await writeSome({ ...left.ending, text }, (how) => finish(parts.db, left, how, parts.model.speaker, at), isUnavailable)
  } else if (left.asked) await interrupt(parts, left, text, left.used, left.thoughts)
  else await putBack(parts.db, left)
  left.remove()
  parts.log.info('reply.restored', { reply: left.id, units: left.text.length, asked: left.asked })
}

async function interrupt(
  parts: ReplyParts,
  reply: Ref,
  text: string | null,
  used: Used | null,
  thoughts: Thoughts | null = null,
): Promise<void> {
  const outcome: Outcome = {
    ...NOTHING_SAID,
    ...used,
    ...(thoughts && { thoughts }),
    state: 'interrupted',
    text,
    failure: { code: 'restarted' },
  }
  await writeSome(outcome, (how) => finish(parts.db, reply, how, parts.model.speaker), isUnavailable)
}
