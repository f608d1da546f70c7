import { LIMITS } from '#contract'
import type { Maker } from '../access/passkeys.ts'
import type { Socket } from '../rooms/sockets.ts'
import { os, type Parts } from './router.ts'

export function passkeyProcedures({ passkeys }: Parts) {
  const { passkey } = os
  return {
    list: passkey.list.handler(({ context }) => passkeys.list(maker(context.socket))),

    offer: passkey.offer.handler(async ({ context, errors }) => {
      const offer = await passkeys.offer(maker(context.socket))
      if (!offer) throw errors.FORBIDDEN({ data: { reason: 'host' } })
      return offer
    }),

    add: passkey.add.handler(async ({ input: { name, credential }, context, errors }) => {
      const added = await passkeys.add(maker(context.socket), name, credential)
      switch (added.kind) {
        case 'added':
          return added.passkey
        case 'host':
        case 'passkey':
          throw errors.FORBIDDEN({ data: { reason: added.kind } })
        case 'late':
          throw errors.CONFLICT({ data: { reason: 'late' } })
        case 'busy':
          throw errors.BUSY({ data: { limit: LIMITS.passkeysAtOnce } })
      }
    }),

    remove: passkey.remove.handler(async ({ input: { id }, context }) => {
      await passkeys.remove(id, maker(context.socket))
      return {}
    }),
  }
}

function maker({ data: { person, sessionId, origin } }: Socket): Maker {
  return { person, sessionId, origin }
}
