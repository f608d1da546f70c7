import { label, LIMITS, newId } from '#contract'
import type { Table } from 'dexie'
import type { StoredConversation } from './database.ts'
import { type Arranged, shelved } from './shelves.ts'
import { withSpace } from './space.ts'
import { store } from './store.ts'

/*
 * How a person keeps their rooms, one or many at once: commands as those of commands.ts.
 */

/** Brings things back to where they were. */
export type Undo = () => Promise<unknown>

/** New rooms among the pinned stand before the others, so far apart that others find their place between them. */
const APART = 1024

/** Puts rooms before those that are pinned, in the order of `ids`. */
export async function pinRooms(ids: readonly string[]): Promise<Undo> {
  const [first] = await pinned()
  const start = (first?.place ?? 0) - APART * ids.length
  return arrange(ids, (_, index) => ({ pin: start + APART * index, archived: false }))
}

export function unpinRooms(ids: readonly string[]): Promise<Undo> {
  return arrange(ids, () => ({ pin: null }))
}

/** Moves a pinned room so that it stands before another one; null: to the end. */
export async function movePinned(id: string, beforeId: string | null): Promise<void> {
  const rows = await pinned()
  const moved = rows.find((row) => row.id === id)
  const others = rows.filter((row) => row.id !== id)
  const found = others.findIndex((row) => row.id === beforeId)
  const at = found === -1 ? others.length : found
  if (!moved || rows.indexOf(moved) === at) return
  const [lower, upper] = [others[at - 1]?.place, others[at]?.place]
  const place = lower === undefined ? (upper ?? 0) - APART : upper === undefined ? lower + APART : (lower + upper) / 2
  if (place !== lower && place !== upper) await arrange([id], () => ({ pin: place }))
  // Between these two no number is left.
  else {
    const inOrder = [...others.slice(0, at), moved, ...others.slice(at)].map((row) => row.id)
    await arrange(inOrder, (_, index) => ({ pin: APART * index }))
  }
}

/** Moves a pinned room up or down by one. */
export async function stepPinned(id: string, step: 1 | -1): Promise<void> {
  const ids = (await pinned()).map((row) => row.id)
  const at = ids.indexOf(id)
  if (at === -1 || at + step < 0 || at + step >= ids.length) return
  await movePinned(id, ids[step === 1 ? at + 2 : at - 1] ?? null)
}

/** Puts rooms away, or takes them back out; what is put away is not pinned any more. */
export function archiveRooms(ids: readonly string[], archived: boolean): Promise<Undo> {
  return arrange(ids, () => (archived ? { archived, pin: null } : { archived }))
}

/** Gives rooms a tag, or takes it from them. A room with as many as it may have gets no other one. */
export async function tagRooms(ids: readonly string[], tag: string, tagged: boolean): Promise<void> {
  const word = label(tag, LIMITS.tagLength)
  if (word === '') return
  await arrange(ids, ({ arranged: { tags } }) => ({
    tags: tagged ? [...tags, ...(tags.includes(word) ? [] : [word])].slice(0, LIMITS.tagsPerRoom) : tags.filter((other) => other !== word),
  }))
}

/** Whatever was said in these rooms has been read. */
export async function markRoomsRead(ids: readonly string[]): Promise<void> {
  const { db } = store()
  await change([db.conversations, db.memberships], async () => {
    const [rooms, memberships] = await Promise.all([db.conversations.bulkGet([...ids]), db.memberships.bulkGet([...ids])])
    await db.memberships.bulkPut(
      memberships.flatMap((row, index) => {
        const count = rooms[index]?.count ?? 0
        return row && row.read < count ? [{ ...row, read: count }] : []
      }),
    )
  })
}

function pinned(): Promise<StoredConversation[]> {
  return store().db.conversations.where('[shelf+place]').between(['pinned', -Infinity], ['pinned', Infinity], true, true).toArray()
}

async function arrange(ids: readonly string[], fieldsOf: (row: StoredConversation, index: number) => Partial<Arranged>): Promise<Undo> {
  const { db } = store()
  const before = new Map<string, Arranged>()
  await change([db.conversations, db.outbox], async () => {
    const stored = await db.conversations.bulkGet([...ids])
    const changed = stored.flatMap((row, index) => {
      if (!row || row.deleted) return []
      const fields = fieldsOf(row, index)
      if (isSo(row.arranged, fields)) return []
      before.set(row.id, row.arranged)
      return [{ row, fields }]
    })
    await db.conversations.bulkPut(changed.map(({ row, fields }) => shelved({ ...row, arranged: { ...row.arranged, ...fields } })))
    await db.outbox.bulkAdd(
      changed.map(({ row: { id }, fields }) => ({
        conversationId: id,
        call: { procedure: 'conversation.arrange', input: { id, operation: newId(), ...fields } },
        state: 'waiting',
        failure: null,
        createdAt: Date.now(),
      })),
    )
  })
  return () => arrange([...before.keys()], ({ id }) => before.get(id) ?? {})
}

const isSo = (arranged: Arranged, fields: Partial<Arranged>): boolean =>
  JSON.stringify({ ...arranged, ...fields }) === JSON.stringify(arranged)

/** One transaction, for which space is made when there is none. */
function change<T>(tables: Table[], task: () => Promise<T>): Promise<T> {
  const { db } = store()
  return withSpace(db, () => db.transaction('rw', tables, task))
}
