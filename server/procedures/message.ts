import { LIMITS, storable } from '#contract'
import { send } from '../database/sending.ts'
import { os, type Parts } from './router.ts'

export function messageProcedures({ db, changes, presence, replies }: Parts) {
  return {
    send: os.message.send.handler(async ({ input, context, errors }) => {
      const { person } = context.socket.data
      const result = await changes.change(input.conversationId, async () => ({
        change: null,
        ...(await send(db, person, { ...input, text: storable(input.text) })),
      }))
      switch (result.kind) {
        case 'sent':
          // A reply that an earlier call stored may still be waiting, if the server ended in between; adding it twice is adding it once.
          if (result.reply?.state === 'queued') replies.add(result.reply)
          if (result.change) presence.wrote(person, result.change.conversation)
          return { message: result.message, reply: result.reply }
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        case 'forbidden':
          throw errors.FORBIDDEN({ data: { reason: 'role' } })
        case 'guest':
          throw errors.FORBIDDEN({ data: { reason: 'guest' } })
        case 'taken':
          throw errors.CONFLICT({ data: { reason: 'id_taken' } })
        case 'busy':
          throw errors.BUSY({ data: { limit: LIMITS.queuedReplies } })
      }
    }),
  }
}
