import { finish, openReplies, type Outcome } from '../database/replies.ts'
import { byIds } from '../database/messages.ts'
import type { LeftBehind } from './journal.ts'
import type { ReplyParts, ReplyQueue } from './queue.ts'

/**
 * Before the first socket is let in: writes what the journals of an ended server hold, as exactly the text that anybody had seen, and
 * starts the replies that were still waiting. A reply that was being written without a journal here (it was on another disk) is interrupted too.
 */
export async function recover(parts: ReplyParts, queue: ReplyQueue): Promise<void> {
  for (const left of parts.journals.left()) {
    await restore(parts, left)
    left.remove()
  }
  for (const reply of await openReplies(parts.db)) {
    if (reply.state === 'queued') queue.add(reply)
    else await interrupt(parts, reply, null)
  }
}

async function restore(parts: ReplyParts, left: LeftBehind): Promise<void> {
  const [found] = await byIds(parts.db, [left.id])
  if (!found) return
  const text = found.row.text.slice(0, left.kept) + left.text
  if (left.ending === null) await interrupt(parts, left, text)
  else await finish(parts.db, left, { ...left.ending, text }, parts.model.speaker)
  parts.log.info('reply.restored', { reply: left.id, units: text.length })
}

async function interrupt(parts: ReplyParts, reply: { id: string; conversationId: string }, text: string | null): Promise<void> {
  const outcome: Outcome = {
    state: 'interrupted',
    text,
    failure: { code: 'restarted' },
    model: null,
    usage: null,
    truncated: false,
    stoppedBy: null,
  }
  await finish(parts.db, reply, outcome, parts.model.speaker)
}
