import type { Said } from '../rooms/presence.ts'
import { os, type Parts } from './router.ts'

export function presenceProcedures({ presence }: Parts) {
  return {
    look: os.presence.look.handler(async ({ input, context, errors }) => {
      return answer(await presence.look(context.socket, input.conversationId), errors)
    }),

    typing: os.presence.typing.handler(async ({ input, context, errors }) => {
      return answer(await presence.typing(context.socket.data.person, input.conversationId), errors)
    }),

    read: os.presence.read.handler(async ({ input, context, errors }) => {
      return answer(await presence.read(context.socket.data.person, input.conversationId, input.count), errors)
    }),
  }
}

type Refusals = {
  NOT_FOUND(options: { data: { what: 'conversation' } }): Error
  FORBIDDEN(options: { data: { reason: 'role' } }): Error
}

function answer(said: Said, errors: Refusals): Record<string, never> {
  switch (said) {
    case 'done':
      return {}
    case 'missing':
      throw errors.NOT_FOUND({ data: { what: 'conversation' } })
    case 'forbidden':
      throw errors.FORBIDDEN({ data: { reason: 'role' } })
  }
}
