import { guessOver } from './guesses.ts'
import { isMark } from './people.ts'
import { uncover } from './rows.ts'
import { shelved } from './shelves.ts'
import { withSpace } from './space.ts'
import { store } from './store.ts'
import { UNDO_MS } from './waiting.ts'

/*
 * Removing rooms, one or many, so that it can be taken back for a while: the calls wait in the outbox, whatever becomes of the tab.
 */

/** Of rooms, those that this person may remove, and of how many of these others may be in them: where nobody has said yet, they may. */
export async function removable(ids: readonly string[]): Promise<{ ids: string[]; shared: number }> {
  const { db, personId } = store()
  const [rooms, memberships, rosters] = await Promise.all([
    db.conversations.bulkGet([...ids]),
    db.memberships.bulkGet([...ids]),
    db.people.bulkGet([...ids]),
  ])
  const found = ids.map((id, index) => {
    const isLocal = rooms[index]?.origin === 'local'
    const alone = isLocal || rosters[index]?.people.every(({ person }) => person.id === personId) === true
    return { id, own: isLocal || memberships[index]?.role === 'owner', alone }
  })
  const own = found.filter((room) => room.own)
  return { ids: own.map(({ id }) => id), shared: own.filter(({ alone }) => !alone).length }
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
