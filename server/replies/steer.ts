import type { ReplyQueue } from './queue.ts'

/** Sees to it that the model is not asked for these replies before the work is over. False: for one of them it is being asked already. */
export type Hold = (replyIds: readonly string[]) => boolean

/**
 * Runs a change of what waits in a room, in the room's turn. What it holds is let go when it is over, whichever way: a change of which nobody
 * knows whether it was made holds up nothing, for what is asked is read anew.
 */
export async function steer<T>(
  replies: Pick<ReplyQueue, 'hold'>,
  conversationId: string,
  work: (hold: Hold) => Promise<T>,
  takenBack: (result: T) => boolean,
): Promise<T> {
  const held: ((takenBack: boolean) => void)[] = []
  let gone = false
  try {
    const result = await work((ids) => {
      const release = replies.hold(conversationId, ids)
      if (release) held.push(release)
      return release !== null
    })
    gone = takenBack(result)
    return result
  } finally {
    for (const release of held) release(gone)
  }
}
