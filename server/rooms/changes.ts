import type { Change } from '../database/conversations.ts'
import type { Standing } from '../database/members.ts'
import { isUnavailable } from '../database/sql-state.ts'
import { type Bus, personTopic, roomTopic, shareTopic } from './bus.ts'
import type { Presence } from './presence.ts'
import { forReaders, type Readers } from './readers.ts'
import type { Sockets } from './sockets.ts'

/** Between two looks at a database that is away. */
const AGAIN_MS = 500

export type Changes = ReturnType<typeof createChanges>

export type ChangesParts = {
  readonly bus: Bus
  readonly sockets: Pick<Sockets, 'drop' | 'peopleIn' | 'setRole'>
  readonly presence: Pick<Presence, 'people' | 'publishPeople'>
  readonly readers: Pick<Readers, 'closeRoom'>
  /** The room as it is, after a change that may or may not have been made. */
  readonly look: (conversationId: string) => Promise<Omit<Change, 'messages'> | null>
}

/**
 * The one way to a durable change of a room: the work runs alone for its conversation, and what it changed is published before the
 * next one starts, so that frames leave in the order of their revisions. The row lock in the database orders the commits anyway; this
 * keeps the continuations of two commits from overtaking each other.
 */
export function createChanges({ bus, sockets, presence, readers, look }: ChangesParts) {
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
        if (now?.conversation.deleted) bury(conversationId, now.members)
        else if (now) {
          publish(bus, { ...now, messages: [] })
          await lookWhoIsThere(conversationId)
        }
        unsure.delete(conversationId)
      }).catch(() => void setTimeout(() => void tell(), AGAIN_MS))
    void tell()
  }

  async function lookWhoIsThere(conversationId: string): Promise<void> {
    presence.publishPeople(conversationId)
    const people = await presence.people(conversationId)
    const members = new Set(people.map(({ person }) => person.id))
    for (const { person, role } of people) sockets.setRole(conversationId, person.id, role)
    sayGone(
      conversationId,
      [...sockets.peopleIn(conversationId)].filter((id) => !members.has(id)),
    )
  }

  // Nothing of the room may reach them after the word that it is gone.
  function sayGone(conversationId: string, people: readonly string[]): void {
    sockets.drop(conversationId, people)
    for (const personId of people) bus.publish(personTopic(personId), ['gone', conversationId])
  }

  function bury(conversationId: string, members: readonly string[]): void {
    sayGone(conversationId, members)
    readers.closeRoom(conversationId)
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
    /** Runs `work`, which makes a room for somebody or finds that it was made before, and tells all tabs of theirs that it is there and theirs. */
    found<T extends { readonly change: Change | null }>(conversationId: string, personId: string, work: () => Promise<T>): Promise<T> {
      return inTurn(conversationId, async () => {
        const result = await work()
        if (result.change) {
          publish(bus, result.change)
          bus.publish(personTopic(personId), ['membership', conversationId, 'owner', result.change.conversation.count])
        }
        return result
      })
    },
    /** Runs `work`, then tells those whom it names what the room is to them now, and the room who is in it. */
    members<T extends Standing>(conversationId: string, work: () => Promise<T>): Promise<T> {
      return inTurn(conversationId, async () => {
        const result = await work()
        for (const { personId, role, read, conversation } of result.placed) {
          sockets.setRole(conversationId, personId, role)
          if (conversation) bus.publish(personTopic(personId), ['conversation', conversation])
          bus.publish(personTopic(personId), ['membership', conversationId, role, read])
        }
        if (result.buried) bury(conversationId, result.gone)
        else sayGone(conversationId, result.gone)
        if (result.placed.length + result.gone.length > 0) presence.publishPeople(conversationId)
        return result
      })
    },
    /** Runs `work`, then tells the members it returns that the room is gone. */
    remove<T extends { readonly members: readonly string[] }>(conversationId: string, work: () => Promise<T>): Promise<T> {
      return inTurn(conversationId, async () => {
        const result = await work()
        if (result.members.length > 0) bury(conversationId, result.members)
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
    if (message.kind !== 'note') bus.publish(shareTopic(conversation.id), ['message', forReaders(message)])
  }
  bus.publish(shareTopic(conversation.id), ['title', conversation.title])
  bus.publish(shareTopic(conversation.id), ['head', conversation.headId])
  for (const personId of members) bus.publish(personTopic(personId), ['conversation', conversation])
}
