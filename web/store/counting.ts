import type { Reply } from '#contract'
import type { StoredMessage } from './database.ts'
import { placed } from './places.ts'
import { store } from './store.ts'

/** So far up its path a room is looked through for a reply that was counted: what runs and what has failed stands before it. */
const STEPS = 24

/** The newest reply of a room's path of which it is known what it has cost; null: there is none near its end. */
export async function lastCounted(conversationId: string): Promise<Reply | null> {
  const { db } = store()
  let id = (await db.conversations.get(conversationId))?.headId ?? null
  for (let step = 0; step < STEPS && id !== null; step++) {
    const row: StoredMessage | undefined = await db.messages.get(id)
    if (row?.kind === 'reply' && row.usage !== null) return row
    id = row?.parentId ?? null
  }
  return null
}

/** The replies of a room that are on this device, oldest first, the unsent apart; `complete`: all of them are. */
export async function repliesHere(conversationId: string): Promise<{ replies: StoredMessage[]; complete: boolean }> {
  const { db } = store()
  const [room, rows] = await Promise.all([
    db.rooms.get(conversationId),
    db.messages
      .where('[conversationId+position]')
      .between(...placed(conversationId))
      .filter(({ kind }) => kind === 'reply')
      .toArray(),
  ])
  return { replies: rows, complete: room?.complete === true }
}
