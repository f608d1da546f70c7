import { label, LIMITS, storable } from '#contract'
import { createAttempts } from '../access/attempts.ts'
import { type Branched, edit, regenerate, roomOfMessage, select } from '../database/branching.ts'
import { isForeign, reach } from '../database/conversations.ts'
import { copy } from '../database/copying.ts'
import { os, type Parts, refusal } from './router.ts'

/** A copy writes a whole transcript. */
const COPIES = { max: 20, windowMs: 60_000, maxKeys: 10_000 }
const FORK = 'Fork of '

export function branchProcedures({ db, changes, model, presence, replies }: Parts) {
  const mayCopy = createAttempts(COPIES)

  /** In the turn of the room of `of`, which is known to be one of the person's. */
  async function branch(personId: string, of: string, make: (conversationId: string) => Promise<Branched>) {
    const conversationId = await roomOfMessage(db, personId, of)
    if (conversationId === null) return { kind: 'missing' as const }
    const result = await changes.change(conversationId, async () => ({ change: null, ...(await make(conversationId)) }))
    // A reply that an earlier call stored may still be waiting, if the server ended in between; adding it twice is adding it once.
    if (result.kind === 'branched' && result.reply?.state === 'queued') replies.add(result.reply)
    return result
  }

  return {
    edit: os.message.edit.handler(async ({ input, context, errors }) => {
      const { person } = context.socket.data
      const result = await branch(person.id, input.of, (conversationId) =>
        edit(db, person, { ...input, conversationId, text: storable(input.text) }),
      )
      switch (result.kind) {
        case 'branched':
          if (result.change) presence.wrote(person, result.change.conversation)
          else presence.wroteBefore(person, result.message.conversationId)
          return { message: result.message, reply: result.reply }
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'message' } })
        case 'forbidden':
        case 'guest':
        case 'taken':
        case 'busy':
          throw refusal(result.kind, errors)
      }
    }),

    regenerate: os.message.regenerate.handler(async ({ input: { replyId, of, model: wanted }, context, errors }) => {
      const { person } = context.socket.data
      const asked = wanted === undefined ? undefined : storable(wanted)
      const result = await branch(person.id, of, (conversationId) => regenerate(db, person, { conversationId, of, replyId, model: asked }))
      switch (result.kind) {
        case 'branched':
          if (!result.reply) throw new Error('a reply came to nothing')
          return result.reply
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'reply' } })
        case 'forbidden':
        case 'guest':
        case 'taken':
        case 'busy':
          throw refusal(result.kind, errors)
      }
    }),

    select: os.message.select.handler(async ({ input, context, errors }) => {
      const { person } = context.socket.data
      const conversationId = await roomOfMessage(db, person.id, input.id)
      if (conversationId === null) throw errors.NOT_FOUND({ data: { what: 'message' } })
      const result = await changes.change(conversationId, async () => ({
        change: null,
        ...(await select(db, person, { ...input, conversationId })),
      }))
      switch (result.kind) {
        case 'selected':
          return result.conversation
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'message' } })
        case 'forbidden':
          throw errors.FORBIDDEN({ data: { reason: 'role' } })
      }
    }),

    fork: os.conversation.fork.handler(async ({ input: { id, of }, context, errors }) => {
      const { person } = context.socket.data
      const conversationId = await roomOfMessage(db, person.id, of)
      const from = conversationId === null ? null : await reach(db, conversationId, person.id)
      if (!from) throw errors.NOT_FOUND({ data: { what: 'message' } })
      if (await isForeign(db, id, person.id)) throw errors.CONFLICT({ data: { reason: 'id_taken' } })
      if (!mayCopy(person.id)) throw errors.RATE_LIMITED({ data: { retryAfterMs: COPIES.windowMs } })
      const { instructions, temperature, thinking } = from.row
      const title = forkTitle(from.row.title)
      const none = { conversation: null, change: null }
      const made = await changes.found(id, person.id, async () => {
        const copying = { id, from: from.row, toId: of, live: replies.live(from.row.id), thoughts: true }
        return (await copy(db, person, { ...copying, fields: { title, instructions, temperature, thinking } }, model.speaker)) ?? none
      })
      if (!made.conversation) throw errors.CONFLICT({ data: { reason: 'id_taken' } })
      return made.conversation
    }),
  }
}

/** So that it can be told from the room that it comes from. One without a name gets a name of its own. */
function forkTitle(title: string): string {
  return title === '' || title.startsWith(FORK) ? title : label(FORK + title, LIMITS.titleLength)
}
