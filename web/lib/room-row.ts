import type { Conversation, Membership } from '#contract'
import { UNTITLED } from './words.ts'

/** What a list says below the name of a room. */
export function roomLine({ runningId, last }: Pick<Conversation, 'runningId' | 'last'>, myName: string, model: string): string {
  if (runningId !== null) return `${model} is answering…`
  if (!last) return 'Nothing said yet'
  return `${last.name === myName ? 'You' : last.name}: ${last.text}`
}

/** How many messages were not read; 0 where the server has not said yet. */
export function unreadCount({ count }: Pick<Conversation, 'count'>, membership: Pick<Membership, 'read'> | undefined): number {
  return membership ? Math.max(0, count - membership.read) : 0
}

/** Whether anything of a room waits to be sent; `waiting`: what is unsent in all rooms. */
export function unsentState(
  id: string,
  waiting: readonly { conversationId: string; state: 'waiting' | 'failed' }[],
): 'none' | 'waiting' | 'failed' {
  const own = waiting.filter(({ conversationId }) => conversationId === id)
  if (own.length === 0) return 'none'
  return own.some(({ state }) => state === 'failed') ? 'failed' : 'waiting'
}

type Listed = {
  readonly room: Conversation & { readonly arranged: { readonly tags: readonly string[] } }
  readonly membership: Pick<Membership, 'read'> | undefined
}
type Beside = {
  readonly myName: string
  readonly model: string
  readonly current: boolean
  readonly waiting: readonly { conversationId: string; state: 'waiting' | 'failed' }[]
}

/** Everything that a row of the list shows. */
export function rowShown({ room, membership }: Listed, { myName, model, current, waiting }: Beside) {
  return {
    title: room.title || UNTITLED,
    line: roomLine(room, myName, model),
    tags: room.arranged.tags,
    live: room.runningId !== null,
    unread: current ? 0 : unreadCount(room, membership),
    unsent: unsentState(room.id, waiting),
  }
}

/** 3 conversations */
export function countOf(conversations: number): string {
  return conversations === 1 ? '1 conversation' : `${conversations} conversations`
}
