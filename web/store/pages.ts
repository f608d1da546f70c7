import type { Message } from '#contract'
import type { Change } from './apply.ts'
import type { Database } from './database.ts'

type Page = Extract<Change, { kind: 'page' }>['answer']

/** Moves the cursor of a room over an answer to join or pull; inside of the caller's transaction. */
export async function putPage(db: Database, since: number, answer: Page, reached: Map<string, number>): Promise<void> {
  const { id } = answer.conversation
  const room = await db.rooms.get(id)
  if (since === 0 && !room?.cursor) {
    await db.rooms.put({ id, cursor: answer.revision, oldest: lowest(answer.messages, null), complete: !answer.more })
    reached.set(id, answer.revision)
    return
  }
  // The newest page says nothing about changes of older rows, so it does not move the cursor of a room that another tab has loaded.
  const covered = since > 0 && room && since <= room.cursor
  const cursor = Math.max(room?.cursor ?? 0, covered ? answer.revision : 0)
  if (room && cursor !== room.cursor) await db.rooms.put({ ...room, cursor })
  reached.set(id, cursor)
}

/** Lengthens the unbroken range of a room by older messages. */
export async function putHistory(db: Database, { conversationId, answer }: Extract<Change, { kind: 'history' }>): Promise<void> {
  const room = await db.rooms.get(conversationId)
  if (!room) return
  await db.rooms.put({ ...room, oldest: lowest(answer.messages, room.oldest), complete: room.complete || !answer.more })
}

function lowest(messages: readonly Message[], position: number | null): number | null {
  return messages.reduce<number | null>((least, row) => (least === null ? row.position : Math.min(least, row.position)), position)
}
