import { storable } from '#contract'
import { send } from '../database/sending.ts'
import { reorder, roomOfPrompt, withdraw } from '../database/steering.ts'
import { steer } from '../replies/steer.ts'
import { isMember, os, type Parts, refusal } from './router.ts'

export function messageProcedures({ db, changes, model, presence, replies }: Parts) {
  return {
    send: os.message.send.handler(async ({ input, context, errors }) => {
      const { person } = context.socket.data
      if (!(await isMember(db, context.socket, input.conversationId))) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      const result = await changes.change(input.conversationId, async () => ({
        change: null,
        ...(await send(db, person, { ...input, text: storable(input.text) })),
      }))
      switch (result.kind) {
        case 'sent':
          // A reply that an earlier call stored may still be waiting, if the server ended in between; adding it twice is adding it once.
          if (result.reply?.state === 'queued') replies.add(result.reply)
          if (result.change) presence.wrote(person, result.change.conversation)
          else presence.wroteBefore(person, input.conversationId)
          return { message: result.message, reply: result.reply }
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        case 'forbidden':
        case 'guest':
        case 'taken':
        case 'busy':
          throw refusal(result.kind, errors)
      }
    }),

    withdraw: os.message.withdraw.handler(async ({ input: { id }, context, errors }) => {
      const { person } = context.socket.data
      const conversationId = await roomOfPrompt(db, person.id, id)
      if (conversationId === null) throw errors.NOT_FOUND({ data: { what: 'message' } })
      const result = await changes.change(conversationId, () =>
        steer(
          replies,
          conversationId,
          async (hold) => ({ change: null, ...(await withdraw(db, person, { id, conversationId }, { hold, speaker: model.speaker })) }),
          ({ kind }) => kind === 'withdrawn',
        ),
      )
      switch (result.kind) {
        case 'withdrawn':
          return result.message
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'message' } })
        case 'forbidden':
          throw errors.FORBIDDEN({ data: { reason: 'role' } })
        case 'started':
          throw errors.CONFLICT({ data: { reason: 'started' } })
      }
    }),

    reorder: os.message.reorder.handler(async ({ input, context, errors }) => {
      const { person } = context.socket.data
      if (!(await isMember(db, context.socket, input.conversationId))) throw errors.NOT_FOUND({ data: { what: 'message' } })
      const result = await changes.change(input.conversationId, () =>
        steer(
          replies,
          input.conversationId,
          async (hold) => ({ change: null, ...(await reorder(db, person, input, { hold, speaker: model.speaker })) }),
          () => false,
        ),
      )
      switch (result.kind) {
        case 'reordered':
          return {}
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'message' } })
        case 'forbidden':
          throw errors.FORBIDDEN({ data: { reason: 'role' } })
        case 'started':
          throw errors.CONFLICT({ data: { reason: 'started' } })
      }
    }),
  }
}
