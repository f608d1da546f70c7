import { guessOver } from './guesses.ts'
import { isAlone, isMark } from './people.ts'
import { uncover } from './rows.ts'
import { shelved } from './shelves.ts'
import { withSpace } from './space.ts'
import { store } from './store.ts'
import { UNDO_MS } from './waiting.ts'

/*
 * Removing rooms, one or many, so that it can be taken back for a while: the calls wait in the outbox, whatever becomes of the tab.
 */

/** Of rooms, those that this person may remove, and how many of these others would lose with them. */
export async function removable(ids: readonly string[]): Promise<{ ids: string[]; shared: number }> {
  const target = store()
  const [rooms, memberships] = await Promise.all([target.db.conversations.bulkGet([...ids]), target.db.memberships.bulkGet([...ids])])
  const own = ids.filter((_, index) => rooms[index]?.origin === 'local' || memberships[index]?.role === 'owner')
  const alone = await Promise.all(own.map(async (id) => rooms[ids.indexOf(id)]?.origin === 'local' || (await isAlone(target, id))))
  return { ids: own, shared: alone.filter((is) => !is).length }
}

/**
 * Removes rooms for everybody. The server is told `afterMs` from now, by whatever tab there is then. What was not sent yet is kept back, and dropped
 * once the server has agreed.
 */
export async function removeRooms(ids: readonly string[], afterMs = UNDO_MS): Promise<void> {
  const { db } = store()
  const task = async () => {
    const rows = (await db.conversations.bulkGet([...ids])).flatMap((row) => (row && !row.deleted ? [row] : []))
    const now = Date.now()
    // The rows stay, as marks, until the server has agreed: a frame that is on its way must not bring the rooms back.
    await db.conversations.bulkPut(rows.map((row) => guessOver(row, { deleted: true })))
    await db.outbox.bulkAdd(
      rows.map(({ id }) => ({
        conversationId: id,
        call: { procedure: 'conversation.remove', input: { id } },
        state: 'waiting',
        failure: null,
        createdAt: now,
        notBefore: now + afterMs,
      })),
    )
  }
  await withSpace(db, () => db.transaction('rw', [db.conversations, db.outbox], task))
}

/** Takes back that rooms are removed, as long as nobody has been told. Returns those that are there again. */
export function restoreRooms(ids: readonly string[]): Promise<string[]> {
  const { db } = store()
  const task = async () => {
    const waiting = await db.outbox
      .where('conversationId')
      .anyOf([...ids])
      .toArray()
    const removals = waiting.filter(({ call, notBefore }) => call.procedure === 'conversation.remove' && (notBefore ?? 0) > Date.now())
    await db.outbox.bulkDelete(removals.flatMap(({ seq }) => seq ?? []))
    const rows = (await db.conversations.bulkGet(removals.map(({ conversationId }) => conversationId))).flatMap((row) => row ?? [])
    // Somebody else may have removed one of them meanwhile, for good.
    const restored = rows.filter((row) => !isMark(row))
    await db.conversations.bulkPut(restored.map((row) => shelved({ ...row, deleted: false })))
    const back = restored.map(({ id }) => id)
    await uncover(db, back)
    return back
  }
  const tables = [db.conversations, db.outbox, db.facts, db.memberships, db.people, db.rooms, db.messages]
  return withSpace(db, () => db.transaction('rw', tables, task))
}

/** Nothing is taken back any more: what is removed is told at once. Whoever signs out must not leave it behind. */
export async function tellRemovals(): Promise<void> {
  await store()
    .db.outbox.where('state')
    .equals('waiting')
    .modify((entry) => void delete entry.notBefore)
}
