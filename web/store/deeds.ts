import type { Message } from '#contract'
import { RefusedError } from '../lib/refused.ts'
import type { Order } from '../lib/waiting-line.ts'
import { editPrompt, forkFrom, regenerateReply, selectVersion } from './branches.ts'
import { discardSend, resumeReply, retrySend, stopReply } from './commands.ts'
import { knownModels } from './models.ts'

/** Fetched when it is used: it needs the server anyway. */
const steering = () =>
  import('./steering.ts').catch(() => {
    throw new RefusedError({ code: 'offline' })
  })

/** What can be done with a message where it is shown; `runningId`: the reply of its room that is being written. */
export function deedsOf({ id, conversationId }: Message, runningId: string | null) {
  return {
    onretry: () => retrySend(id),
    ondiscard: () => discardSend(id),
    onresume: () => resumeReply(id),
    steering: {
      withdraw: async (promptId: string) => (await steering()).withdrawPrompt(promptId),
      reorder: async (order: Order) => (await steering()).reorderPrompts(conversationId, order),
      now: () => stopReply(runningId ?? id),
      cancel: () => stopReply(id),
    },
  }
}

/** What can be done with the versions of a message. */
export const branching = { select: selectVersion, edit: editPrompt, regenerate: regenerateReply, fork: forkFrom, models: knownModels }
