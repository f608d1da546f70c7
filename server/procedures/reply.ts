import { isOpen } from '#contract'
import { reachReply, readReply } from '../database/replies.ts'
import { requeue } from '../database/resuming.ts'
import { os, type Parts } from './router.ts'

export function replyProcedures({ db, changes, replies }: Parts) {
  return {
    stop: os.reply.stop.handler(async ({ input: { id }, context, errors }) => {
      const { person, rooms } = context.socket.data
      // In a room that this socket has joined it ends at once, whether the database answers or not. When that cannot be written in time, the
      // call is UNAVAILABLE and the reply has ended all the same: its journal says who did it, and the next call finds it so.
      const running = replies.find(id)
      const role = running && rooms.get(running.conversationId)
      if (running && role && role !== 'viewer') await replies.stop(running, person)
      else {
        const found = await reachReply(db, person.id, id)
        if (!found) throw errors.NOT_FOUND({ data: { what: 'reply' } })
        if (found.role === 'viewer') throw errors.FORBIDDEN({ data: { reason: 'role' } })
        if (isOpen(found.state)) await replies.stop({ id, conversationId: found.conversationId }, person)
      }
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
