import type { Change } from '../database/conversations.ts'
import { type Bus, personTopic, roomTopic } from './bus.ts'

export type Changes = ReturnType<typeof createChanges>

/**
 * The one way to a durable change of a room: the work runs alone for its conversation, and what it changed is published before the
 * next one starts, so that frames leave in the order of their revisions. The row lock in the database orders the commits anyway; this
 * keeps the continuations of two commits from overtaking each other.
 */
export function createChanges(bus: Bus) {
  const tails = new Map<string, Promise<unknown>>()

  async function inTurn<T>(conversationId: string, work: () => Promise<T>): Promise<T> {
    const before = tails.get(conversationId) ?? Promise.resolve()
    const mine = before.then(work, work)
    tails.set(conversationId, mine)
    try {
      return await mine
    } finally {
      if (tails.get(conversationId) === mine) tails.delete(conversationId)
    }
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
        for (const personId of result.members) bus.publish(personTopic(personId), ['gone', conversationId])
        return result
      })
    },
  }
}

function publish(bus: Bus, { conversation, messages, members }: Change): void {
  for (const message of messages) bus.publish(roomTopic(conversation.id), ['message', message])
  for (const personId of members) bus.publish(personTopic(personId), ['conversation', conversation])
}
