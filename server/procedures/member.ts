import { changeRole, removeMember } from '../database/members.ts'
import { isMember, os, type Parts } from './router.ts'

export function memberProcedures({ db, changes, presence, readers, replies }: Parts) {
  return {
    update: os.member.update.handler(async ({ input, context, errors }) => {
      const { person } = context.socket.data
      if (!(await isMember(db, context.socket, input.conversationId))) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      const { kind, revoked } = await changes.members(input.conversationId, () => changeRole(db, person.id, input))
      for (const linkId of revoked) readers.closeLink(linkId)
      switch (kind) {
        case 'done':
          return { people: await presence.people(input.conversationId) }
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        case 'nobody':
          throw errors.NOT_FOUND({ data: { what: 'member' } })
        case 'role':
        case 'last_owner':
          throw errors.FORBIDDEN({ data: { reason: kind } })
      }
    }),

    remove: os.member.remove.handler(async ({ input: { conversationId, personId }, context, errors }) => {
      const { person } = context.socket.data
      if (!(await isMember(db, context.socket, conversationId))) {
        if (personId === person.id) return {}
        throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      }
      const result = await changes.members(conversationId, () => removeMember(db, person.id, conversationId, personId))
      switch (result.kind) {
        case 'done':
          if (result.buried) replies.drop(conversationId, person)
          return {}
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        case 'role':
        case 'last_owner':
          throw errors.FORBIDDEN({ data: { reason: result.kind } })
      }
    }),
  }
}
