import type { Change } from '../database/conversations.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { type Bus, personTopic, roomTopic, shareTopic } from './bus.ts'

/** Between two looks at a database that is away. */
const AGAIN_MS = 500

export type Changes = ReturnType<typeof createChanges>

/**
 * The one way to a durable change of a room: the work runs alone for its conversation, and what it changed is published before the
 * next one starts, so that frames leave in the order of their revisions. The row lock in the database orders the commits anyway; this
 * keeps the continuations of two commits from overtaking each other.
 */
export function createChanges(bus: Bus, look: (conversationId: string) => Promise<Omit<Change, 'messages'> | null>) {
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
        else if (now) publish(bus, { ...now, messages: [] })
      }).catch(() => void setTimeout(() => void tell(), AGAIN_MS))
    void tell()
  }

  function sayGone(conversationId: string, members: readonly string[]): void {
    for (const personId of members) bus.publish(personTopic(personId), ['gone', conversationId])
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
  for (const message of messages) {
    bus.publish(roomTopic(conversation.id), ['message', message])
    if (message.kind !== 'note') bus.publish(shareTopic(conversation.id), ['message', message])
  }
  bus.publish(shareTopic(conversation.id), ['title', conversation.title])
  for (const personId of members) bus.publish(personTopic(personId), ['conversation', conversation])
}
