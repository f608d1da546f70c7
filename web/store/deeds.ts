import type { Message } from '#contract'
import type { Order } from '../lib/waiting-line.ts'
import { editPrompt, forkFrom, regenerateReply, selectVersion } from './branches.ts'
import { discardSend, resumeReply, retrySend, stopReply } from './commands.ts'
import { knownModels } from './models.ts'
import { reorderPrompts, withdrawPrompt } from './steering.ts'

/** What can be done with a message where it is shown; `runningId`: the reply of its room that is being written. */
export function deedsOf({ id, conversationId }: Message, runningId: string | null) {
  return {
    onretry: () => retrySend(id),
    ondiscard: () => discardSend(id),
    onresume: () => resumeReply(id),
    steering: {
      withdraw: withdrawPrompt,
      reorder: (order: Order) => reorderPrompts(conversationId, order),
      now: () => stopReply(runningId ?? id),
      cancel: () => stopReply(id),
    },
  }
}

/** What can be done with the versions of a message. */
export const branching = { select: selectVersion, edit: editPrompt, regenerate: regenerateReply, fork: forkFrom, models: knownModels }
