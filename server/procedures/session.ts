import { label, LIMITS, storable } from '#contract'
import { rename, roomsOf, writeDefaults } from '../database/people.ts'
import { closeSession, sessionsOf } from '../database/sessions.ts'
import { personTopic } from '../rooms/bus.ts'
import { os, type Parts } from './router.ts'

export function sessionProcedures({ bus, db, model, presence, sockets, version }: Parts) {
  const { session } = os
  return {
    me: session.me.handler(({ context }) => ({
      person: context.socket.data.person,
      sessionId: context.socket.data.sessionId,
      version,
      model: model.name,
      demo: model.demo,
    })),

    setDefaults: session.setDefaults.handler(async ({ input: { model: wanted, instructions }, context, errors }) => {
      const { id } = context.socket.data.person
      const defaults = await writeDefaults(db, id, {
        ...(wanted === undefined ? {} : { model: wanted === null ? null : storable(wanted) }),
        ...(instructions === undefined ? {} : { instructions: storable(instructions) }),
      })
      if (!defaults) throw errors.NOT_FOUND({ data: { what: 'person' } })
      bus.publish(personTopic(id), ['defaults', defaults])
      return defaults
    }),

    rename: session.rename.handler(async ({ input, context, errors }) => {
      const { id } = context.socket.data.person
      const renamed = await rename(db, id, label(input.name, LIMITS.nameLength))
      if (!renamed) throw errors.NOT_FOUND({ data: { what: 'person' } })
      sockets.rename(renamed)
      const open = sockets.rooms()
      for (const room of await roomsOf(db, id)) if (open.has(room)) presence.publishPeople(room)
      return renamed
    }),

    list: session.list.handler(async ({ context }) => {
      const { person, sessionId } = context.socket.data
      const live = sockets.sessions()
      const sessions = await sessionsOf(db, person.id)
      return {
        sessions: sessions.map(({ createdAt, seenAt, ...rest }) => ({
          ...rest,
          createdAt: createdAt.getTime(),
          seenAt: live.has(rest.id) ? Date.now() : seenAt.getTime(),
          current: rest.id === sessionId,
        })),
      }
    }),

    revoke: session.revoke.handler(async ({ input: { id }, context }) => {
      const { person } = context.socket.data
      await closeSession(db, id, person.id)
      sockets.closeSession(id, person.id)
      return {}
    }),
  }
}
