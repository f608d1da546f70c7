import { isOpen } from '#contract'
import { reachReply, readReply, requeue } from '../database/replies.ts'
import { os, type Parts } from './router.ts'

export function replyProcedures({ db, changes, replies }: Parts) {
  return {
    stop: os.reply.stop.handler(async ({ input: { id }, context, errors }) => {
      const { person } = context.socket.data
      const found = await reachReply(db, person.id, id)
      if (!found) throw errors.NOT_FOUND({ data: { what: 'reply' } })
      if (found.role === 'viewer') throw errors.FORBIDDEN({ data: { reason: 'role' } })
      if (isOpen(found.state)) await replies.stop({ id, conversationId: found.conversationId }, person)
      const reply = await readReply(db, id)
      if (!reply) throw errors.NOT_FOUND({ data: { what: 'reply' } })
      return reply
    }),

    resume: os.reply.resume.handler(async ({ input: { id, revision }, context, errors }) => {
      const { person } = context.socket.data
      const found = await reachReply(db, person.id, id)
      if (!found) throw errors.NOT_FOUND({ data: { what: 'reply' } })
      const result = await changes.change(found.conversationId, async () => ({
        change: null,
        ...(await requeue(db, person, id, revision)),
      }))
      switch (result.kind) {
        case 'queued':
          if (result.reply.state === 'queued') replies.add(result.reply)
          return result.reply
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'reply' } })
        case 'forbidden':
          throw errors.FORBIDDEN({ data: { reason: 'role' } })
        case 'guest':
          throw errors.FORBIDDEN({ data: { reason: 'guest' } })
        case 'finished':
          throw errors.CONFLICT({ data: { reason: 'reply_finished' } })
      }
    }),
  }
}
