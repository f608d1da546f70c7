import { linksOf, reachLink, revokeLink } from '../database/links.ts'
import { changePerson, everybody, everyRoom } from '../database/overview.ts'
import { closeSession } from '../database/sessions.ts'
import { os, type Parts } from './router.ts'

/** For the owner of the server, who need not be in a room to see that it is there. */
export function adminProcedures({ budgets, database, db, model, replies, sockets, startedAt, version }: Parts) {
  const owner = os.admin.use(({ next, context, errors }) => {
    if (context.socket.data.person.kind !== 'owner') throw errors.FORBIDDEN({ data: { reason: 'owner' } })
    return next()
  })

  return {
    overview: owner.overview.handler(async () => {
      const [people, rooms, links] = await Promise.all([everybody(db), everyRoom(db), linksOf(db, null)])
      const health = {
        version,
        startedAt,
        database,
        model: model.name,
        demo: model.demo,
        sockets: sockets.count,
        ...replies.counts,
        memoryBytes: process.memoryUsage.rss(),
      }
      return { people, rooms, links, budget: budgets.current, health }
    }),

    setBudget: owner.setBudget.handler(async ({ input }) => {
      await budgets.set(input)
      return input
    }),

    updatePerson: owner.updatePerson.handler(async ({ input: { id, ...change }, context, errors }) => {
      // Nobody else could ever take it back.
      if (change.disabled && id === context.socket.data.person.id) throw errors.FORBIDDEN({ data: { reason: 'last_owner' } })
      if (!(await changePerson(db, id, change))) throw errors.NOT_FOUND({ data: { what: 'person' } })
      if (change.disabled) sockets.closePerson(id)
      return {}
    }),

    revokeSession: owner.revokeSession.handler(async ({ input: { id } }) => {
      await closeSession(db, id)
      sockets.closeSession(id)
      return {}
    }),

    revokeLink: owner.revokeLink.handler(async ({ input: { id } }) => {
      const found = await reachLink(db, id, null)
      if (found) await revokeLink(db, found, false)
      return {}
    }),
  }
}
