import { label, LIMITS, storable } from '#contract'
import { arrange } from '../database/arrangements.ts'
import { create, type Fields, isForeign, reach, remove, toConversation, update } from '../database/conversations.ts'
import { list } from '../database/listing.ts'
import { before, changedSince } from '../database/messages.ts'
import { readDefaults } from '../database/people.ts'
import { personTopic } from '../rooms/bus.ts'
import { type Joining, joinRoom, leaveRoom } from '../rooms/sockets.ts'
import { isMember, os, type Parts } from './router.ts'

export function conversationProcedures({ bus, db, changes, presence, replies }: Parts) {
  const { conversation } = os
  return {
    list: conversation.list.handler(async ({ input, context }) => {
      const { id } = context.socket.data.person
      const [page, defaults] = await Promise.all([list(db, id, input.since ?? null), readDefaults(db, id)])
      return { ...page, defaults }
    }),

    create: conversation.create.handler(async ({ input: { id, ...fields }, context, errors }) => {
      const { person } = context.socket.data
      if (await isForeign(db, id, person.id)) throw errors.CONFLICT({ data: { reason: 'id_taken' } })
      const made = await changes.found(
        id,
        person.id,
        // What the model costs is not a guest's to decide, in a room of their own either.
        async () =>
          (await create(db, person, id, { ...clean(fields), ...(person.kind === 'guest' ? NO_SPENDING : {}) })) ?? {
            conversation: null,
            change: null,
          },
      )
      if (!made.conversation) throw errors.CONFLICT({ data: { reason: 'id_taken' } })
      return made.conversation
    }),

    update: conversation.update.handler(async ({ input: { id, operation, ...fields }, context, errors }) => {
      const { person } = context.socket.data
      if (!(await isMember(db, context.socket, id))) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      if (person.kind === 'guest' && (fields.guestsAsk !== undefined || fields.dayTokens !== undefined))
        throw errors.FORBIDDEN({ data: { reason: 'role' } })
      const result = await changes.change(id, async () => ({
        change: null,
        ...(await update(db, person.id, id, clean(fields), operation)),
      }))
      switch (result.kind) {
        case 'done':
          return result.conversation
        case 'missing':
          throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        case 'forbidden':
          throw errors.FORBIDDEN({ data: { reason: 'role' } })
      }
    }),

    remove: conversation.remove.handler(async ({ input: { id }, context, errors }) => {
      const { person } = context.socket.data
      if (!(await isMember(db, context.socket, id))) return {}
      const result = await changes.remove(id, async () => ({ members: [], ...(await remove(db, person.id, id)) }))
      if (result.kind === 'forbidden') throw errors.FORBIDDEN({ data: { reason: 'role' } })
      if (result.members.length > 0) replies.drop(id, person)
      return {}
    }),

    arrange: conversation.arrange.handler(async ({ input: { id, operation, tags, ...fields }, context, errors }) => {
      const { person } = context.socket.data
      const words = tags && { tags: [...new Set(tags.map((tag) => label(tag, LIMITS.tagLength)))] }
      const arranged = await arrange(db, person.id, id, { ...fields, ...words }, operation)
      if (!arranged) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      // Also when it was so before: the frame of an earlier call, whose answer was lost, may never have been sent.
      bus.publish(personTopic(person.id), ['arrangement', arranged])
      return arranged
    }),

    join: conversation.join.handler(async ({ input: { id, since, limit }, context, errors }) => {
      const { socket } = context
      const { person } = socket.data
      // Membership first, so that a stranger's socket is never subscribed. Then, in one step, the topic and the live texts: every delta after
      // these texts reaches the socket as a frame, also when the reply ends before its row is read. Then the rows: a change that commits after
      // they are read is a frame, too. What happens to the membership meanwhile counts, whatever was read before.
      const joining: Joining = { conversationId: id, became: null }
      socket.data.joining.add(joining)
      try {
        const reached = await reach(db, id, person.id)
        const role = joining.became ?? reached?.role ?? 'gone'
        if (role === 'gone') throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        if (!joinRoom(socket, id, role)) throw errors.BUSY({ data: { limit: LIMITS.roomsPerSocket } })
        const live = replies.live(id)
        const changed = await read(id, person.id, since, limit)
        const people = changed && (await presence.people(id))
        if (!people || joining.became === 'gone') {
          leaveRoom(socket, id)
          throw errors.NOT_FOUND({ data: { what: 'conversation' } })
        }
        return { ...changed, people, live }
      } finally {
        socket.data.joining.delete(joining)
      }
    }),

    leave: conversation.leave.handler(({ input, context }) => {
      leaveRoom(context.socket, input.id)
      return {}
    }),

    pull: conversation.pull.handler(async ({ input: { id, since, limit }, context, errors }) => {
      const changed = await read(id, context.socket.data.person.id, since, limit)
      if (!changed) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      return changed
    }),

    history: conversation.history.handler(async ({ input, context, errors }) => {
      if (!(await reach(db, input.id, context.socket.data.person.id))) throw errors.NOT_FOUND({ data: { what: 'conversation' } })
      return before(db, input.id, input.before, input.limit)
    }),
  }

  // The row of the room is read before its messages: its revision is then a cursor that no message read later can be missing below.
  async function read(id: string, personId: string, since: number, limit: number) {
    const found = await reach(db, id, personId)
    if (!found) return null
    const { row } = found
    const room = toConversation(row)
    if (since === 0) return { conversation: room, revision: row.revision, ...(await before(db, id, row.revision + 1, limit)) }
    const page = await changedSince(db, id, since, limit)
    const revision = page.more ? (page.messages.at(-1)?.revision ?? since) : Math.max(row.revision, since)
    return { conversation: room, revision, ...page }
  }
}

/** How the room of a guest begins: whoever is no guest may ask there, and let guests ask elsewhere. */
const NO_SPENDING = { guestsAsk: false, dayTokens: null }

function clean<T extends Fields>({ title, model, instructions, ...rest }: T) {
  return {
    ...rest,
    ...(title === undefined ? {} : { title: label(title, LIMITS.titleLength) }),
    ...(model === undefined ? {} : { model: model === null ? null : storable(model) }),
    ...(instructions === undefined ? {} : { instructions: storable(instructions) }),
  }
}
