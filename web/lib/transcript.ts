import type { Message } from '#contract'
import { dayName, daysAgo } from './time.ts'

/** A message as the transcript shows it; `day`: the heading to put before it; `to`: whom a reply answers, where there are several people. */
export type Line<M extends Message> = { message: M; day: string | null; to: string | null }

/** `people`: how many the room has; somebody who has left is still among the authors. */
export function lines<M extends Message>(messages: readonly M[], now: number, people = 1): Line<M>[] {
  const authors = new Map(messages.flatMap((message) => (message.kind === 'reply' ? [] : [[message.id, message.author] as const])))
  const several = people > 1 || new Set([...authors.values()].map((author) => author.id)).size > 1
  let previous: number | null = null
  return messages.map((message) => {
    const age = daysAgo(message.createdAt, now)
    const day = age === previous ? null : dayName(message.createdAt, now)
    previous = age
    const asker = message.kind === 'reply' && several ? (message.askedBy ?? authors.get(message.parentId ?? '')) : undefined
    return { message, day, to: asker?.name ?? null }
  })
}
