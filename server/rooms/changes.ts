import type { Change } from '../database/conversations.ts'
import type { Standing } from '../database/members.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { type Bus, personTopic, roomTopic } from './bus.ts'
import type { Presence } from './presence.ts'
import type { Sockets } from './sockets.ts'

/** Between two looks at a database that is away. */
const AGAIN_MS = 500

export type Changes = ReturnType<typeof createChanges>

export type ChangesParts = {
  readonly bus: Bus
  readonly sockets: Pick<Sockets, 'drop' | 'peopleIn'>
  readonly presence: Pick<Presence, 'publishPeople'>
  /** The room as it is, after a change that may or may not have been made. */
  readonly look: (conversationId: string) => Promise<Omit<Change, 'messages'> | null>
}

/**
 * The one way to a durable change of a room: the work runs alone for its conversation, and what it changed is published before the
 * next one starts, so that frames leave in the order of their revisions. The row lock in the database orders the commits anyway; this
 * keeps the continuations of two commits from overtaking each other.
 */
export function createChanges({ bus, sockets, presence, look }: ChangesParts) {
  const tails = new Map<string, Promise<unknown>>()
  const unsure = new Set<string>()

  async function inTurn<T>(conversationId: string, work: () => Promise<T>): Promise<T> {
    const before = tails.get(conversationId) ?? Promise.resolve()
    const mine = before.then(work, work)
    tails.set(conversationId, mine)
    try {
      return await mine
    } catch (error) {
      if (isUnavailable(error)) tellLater(conversationId)
      throw error
    } finally {
      if (tails.get(conversationId) === mine) tails.delete(conversationId)
    }
  }

  // Nobody knows whether a change whose connection was lost was made, and a repetition of it finds nothing left to change. So the members hear how
  // far the room is as soon as the database answers; whoever lacks something asks for it.
  function tellLater(conversationId: string): void {
    if (unsure.has(conversationId)) return
    unsure.add(conversationId)
    const tell = () =>
      inTurn(conversationId, async () => {
        const now = await look(conversationId)
        unsure.delete(conversationId)
        if (now?.conversation.deleted) sayGone(conversationId, now.members)
        else if (now) {
          publish(bus, { ...now, messages: [] })
          const members = new Set(now.members)
          sayGone(
            conversationId,
            [...sockets.peopleIn(conversationId)].filter((id) => !members.has(id)),
          )
          presence.publishPeople(conversationId)
        }
      }).catch(() => void setTimeout(() => void tell(), AGAIN_MS))
    void tell()
  }

  // Nothing of the room may reach them after the word that it is gone.
  function sayGone(conversationId: string, people: readonly string[]): void {
    sockets.drop(conversationId, people)
    for (const personId of people) bus.publish(personTopic(personId), ['gone', conversationId])
  }

  return {
    /** Runs `work` in the conversation's turn and publishes the change it returns, if any. Rejects as `work` does. */
    change<T extends { readonly change: Change | null }>(conversationId: string, work: () => Promise<T>): Promise<T> {
      return inTurn(conversationId, async () => {
        const result = await work()
        if (result.change) publish(bus, result.change)
        return result
      })
    },
    /** Runs `work`, then tells those whom it names what the room is to them now, and the room who is in it. */
    members<T extends Standing>(conversationId: string, work: () => Promise<T>): Promise<T> {
      return inTurn(conversationId, async () => {
        const result = await work()
        for (const { personId, role, read, conversation } of result.placed) {
          if (conversation) bus.publish(personTopic(personId), ['conversation', conversation])
          bus.publish(personTopic(personId), ['membership', conversationId, role, read])
        }
        sayGone(conversationId, result.gone)
        if (result.placed.length + result.gone.length > 0) presence.publishPeople(conversationId)
        return result
      })
    },
    /** Runs `work`, then tells the members it returns that the room is gone. */
    remove<T extends { readonly members: readonly string[] }>(conversationId: string, work: () => Promise<T>): Promise<T> {
      return inTurn(conversationId, async () => {
        const result = await work()
        sayGone(conversationId, result.members)
        return result
      })
    },
  }
}

function publish(bus: Bus, { conversation, messages, members }: Change): void {
  // The members have been told that it is gone; a reply that ends after that is nobody's news.
  if (conversation.deleted) return
  for (const message of messages) bus.publish(roomTopic(conversation.id), ['message', message])
  for (const personId of members) bus.publish(personTopic(personId), ['conversation', conversation])
}
