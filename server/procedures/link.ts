import { label, type Link, LIMITS } from '#contract'
import { hashToken } from '../access/tokens.ts'
import { reach } from '../database/conversations.ts'
import { linksOf, makeLink, type NewLink, reachLink, revokeLink } from '../database/links.ts'
import { os, type Parts } from './router.ts'

export function linkProcedures({ db, changes }: Parts) {
  const { link } = os
  return {
    invite: link.invite.handler(async ({ input, context, errors }) => {
      const { id, conversationId, role, uses } = input
      const values = { id, kind: 'invite' as const, conversationId, personId: null, role, usesLeft: uses }
      return made(await makeLink(db, context.socket.data.person.id, { ...values, ...common(input) }), errors)
    }),

    device: link.device.handler(async ({ input: { id, token }, context, errors }) => {
      const { person } = context.socket.data
      const values = { id, kind: 'device' as const, conversationId: null, personId: person.id, role: null, usesLeft: 1 }
      return made(await makeLink(db, person.id, { ...values, ...common({ token, label: '', lastsMs: LIMITS.deviceLinkMs }) }), errors)
    }),

    share: link.share.handler(async ({ input, context, errors }) => {
      const { id, conversationId } = input
      const values = { id, kind: 'share' as const, conversationId, personId: null, role: null, usesLeft: null }
      return made(await makeLink(db, context.socket.data.person.id, { ...values, ...common(input) }), errors)
    }),

    list: link.list.handler(async ({ input: { conversationId }, context, errors }) => {
      const found = await reach(db, conversationId, context.socket.data.person.id)
      if (!found) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      if (found.role !== 'owner') throw errors.FORBIDDEN({ data: { reason: 'role' } })
      return { links: await linksOf(db, conversationId) }
    }),

    revoke: link.revoke.handler(async ({ input: { id, people }, context, errors }) => {
      const found = await reachLink(db, id, context.socket.data.person.id)
      if (!found) throw errors.NOT_FOUND({ data: { what: 'link' } })
      const work = async () => ({ placed: [], gone: await revokeLink(db, found, people) })
      await (found.conversationId === null ? work() : changes.members(found.conversationId, work))
      return {}
    }),
  }

  /** What all links share: only the hash of the secret, and an end by the server's clock. */
  function common({ token, label: words, lastsMs }: { token: string; label: string; lastsMs: number | null }) {
    return {
      tokenHash: hashToken(token),
      label: label(words, LIMITS.linkLabelLength),
      expiresAt: lastsMs === null ? null : new Date(Date.now() + lastsMs),
    } satisfies Partial<NewLink>
  }
}

type Refusals = {
  NOT_FOUND(options: { data: { what: 'conversation' } }): Error
  FORBIDDEN(options: { data: { reason: 'role' } }): Error
  CONFLICT(options: { data: { reason: 'id_taken' } }): Error
  BUSY(options: { data: { limit: number } }): Error
}

function made(result: Awaited<ReturnType<typeof makeLink>>, errors: Refusals): Link {
  switch (result.kind) {
    case 'made':
      return result.link
    case 'missing':
      throw errors.NOT_FOUND({ data: { what: 'conversation' } })
    case 'role':
      throw errors.FORBIDDEN({ data: { reason: 'role' } })
    case 'taken':
      throw errors.CONFLICT({ data: { reason: 'id_taken' } })
    case 'busy':
      throw errors.BUSY({ data: { limit: LIMITS.linksAtOnce } })
  }
}
