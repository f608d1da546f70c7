import { isOpen } from '#contract'
import { inTime } from '../database/in-time.ts'
import { carryOut, isCarriedOut } from '../database/operations.ts'
import { reachReply, readReply } from '../database/replies.ts'
import { requeue } from '../database/resuming.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { os, type Parts, refusal } from './router.ts'

/** How long a stop waits to hear whether it was carried out before: it has to end what runs also while the database is away. */
const KNOWN_MS = 500

/** Stops that are remembered: those of some minutes, however many people there are. */
const REMEMBERED = 10_000

export function replyProcedures({ db, changes, replies }: Parts) {
  /** The stops of this process by their operations, each until it is carried out: a repetition is known as one whatever the database is doing. */
  const stops = new Map<string, Promise<void>>()

  function remember(operation: string, carriedOut: Promise<void>): Promise<void> {
    stops.set(operation, carriedOut)
    carriedOut.catch(() => stops.delete(operation))
    for (const oldest of stops.keys()) {
      if (stops.size <= REMEMBERED) break
      stops.delete(oldest)
    }
    return carriedOut
  }

  async function stopOnce(operation: string, id: string, stop: () => Promise<void>): Promise<void> {
    if (!(await wasStoppedBy(operation, id))) await stop()
  }

  /** What runs may have ended, and been resumed by somebody, while the database was asked: then it is asked again. */
  async function wasStoppedBy(operation: string, id: string): Promise<boolean> {
    for (;;) {
      const seen = replies.find(id)
      const known = await inTime(isCarriedOut(db, operation), KNOWN_MS).catch((error: unknown) => {
        if (isUnavailable(error)) return false
        throw error
      })
      if (known || replies.find(id) === seen) return known
    }
  }

  return {
    stop: os.reply.stop.handler(async ({ input, context, errors }) => {
      const { id } = input
      const { person, rooms } = context.socket.data
      // In a room that this socket has joined it ends at once, whether the database answers or not. When that cannot be written in time, the
      // call is UNAVAILABLE and the reply has ended all the same: its journal says who did it, and the next call finds it so.
      const running = replies.find(id)
      const role = running && rooms.get(running.conversationId)
      let open = running && role && role !== 'viewer' ? running : null
      if (!open) {
        const found = await reachReply(db, person.id, id)
        if (!found) throw errors.NOT_FOUND({ data: { what: 'reply' } })
        if (found.role === 'viewer') throw errors.FORBIDDEN({ data: { reason: 'role' } })
        if (isOpen(found.state)) open = { id, conversationId: found.conversationId }
      }
      const operation = input.operation === undefined ? undefined : { id: input.operation, personId: person.id }
      const stop = async () => {
        // What ran here may have ended while the database was asked.
        const ended = open === running && replies.find(id) === null
        if (open && !ended) await replies.stop(open, { by: person, operation })
        // Also when the reply had ended otherwise: it may be resumed, and then this is no wish to stop it again.
        if (operation) await carryOut(db, operation)
      }
      if (!operation) await stop()
      else {
        const known = `${person.id} ${operation.id}`
        const before = stops.get(known)
        if (before) await before
        else await remember(known, stopOnce(operation.id, id, stop))
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
        case 'guest':
          throw refusal(result.kind, errors)
        case 'finished':
          throw errors.CONFLICT({ data: { reason: 'reply_finished' } })
      }
    }),
  }
}
