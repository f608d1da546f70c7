import type { Arrangement, Conversation } from '#contract'
import type { OutboxCall } from './database.ts'

/** How a room is kept. */
export type Arranged = Pick<Arrangement, 'pin' | 'archived' | 'tags'>
export type Kept = Arranged & Pick<Arrangement, 'version'>
/** Where the list looks for a room; `none`: it is gone. */
export type Shelf = 'pinned' | 'open' | 'archive' | 'none'

/** What a stored room knows of its place in the list. */
export type Shelved = {
  /** As the server has it. */
  kept: Kept
  /** With what this device has asked for and has no answer to. */
  arranged: Arranged
  shelf: Shelf
  /** On its shelf, the lowest first. */
  place: number
}

const NOT_ARRANGED: Arranged = { pin: null, archived: false, tags: [] }
export const NOT_KEPT: Kept = { ...NOT_ARRANGED, version: 0 }

/** A row with its shelf and its place there, which follow from the rest of it: for every row that is written. */
export function shelved<T extends Pick<Conversation, 'deleted' | 'updatedAt'> & Pick<Shelved, 'arranged' | 'kept'>>(row: T): T & Shelved {
  const { pin, archived } = row.arranged
  const shelf = row.deleted ? 'none' : archived ? 'archive' : pin === null ? 'open' : 'pinned'
  return { ...row, shelf, place: shelf === 'pinned' && pin !== null ? pin : -row.updatedAt }
}

/** A row with another arrangement of the server's, and over it those of the calls that wait. */
export function arrangedBy<T extends Pick<Conversation, 'deleted' | 'updatedAt'>>(
  row: T,
  kept: Kept,
  waiting: readonly { call: OutboxCall }[],
): T & Shelved {
  const { version: _, ...arranged } = kept
  for (const { call } of waiting) {
    if (call.procedure !== 'conversation.arrange') continue
    const { id: __, operation: ___, ...fields } = call.input
    Object.assign(arranged, fields)
  }
  return shelved({ ...row, kept, arranged })
}

/** Of a room that is gone; should it come back, what was heard of it before is old. */
export function cleared({ version }: Kept): Pick<Shelved, 'kept' | 'arranged'> {
  return { kept: { ...NOT_ARRANGED, version }, arranged: NOT_ARRANGED }
}
