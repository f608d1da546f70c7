import { periodOf } from '../lib/room-groups.ts'
import type { Database, StoredConversation, StoredMembership } from './database.ts'
import type { Shelf } from './shelves.ts'
import { store } from './store.ts'

/** Which rooms a list shows. */
export type View = { kind: 'open' } | { kind: 'archive' } | { kind: 'tag'; tag: string }
/** A heading and the ids of what stands below it, in order. */
export type Group = { readonly label: string; readonly ids: readonly string[] }
/** `archived`: how many rooms are put away. `tags`: all that there are. */
export type Outline = { readonly groups: readonly Group[]; readonly archived: number; readonly tags: readonly string[] }
export type ListedRoom = { readonly room: StoredConversation; readonly membership: StoredMembership | undefined }

export const PINNED = 'Pinned'

/**
 * What a list consists of, without its rows: of ten thousand rooms only the keys are read, in the order of their index, and one row for each heading.
 * `today`: any time of the reader's day.
 */
export function outline(view: View, today: number): Promise<Outline> {
  const { db } = store()
  return db.transaction('r', db.conversations, async () => {
    const [archived, tags, groups] = await Promise.all([
      shelf(db, 'archive').count(),
      db.conversations.orderBy('arranged.tags').uniqueKeys(),
      view.kind === 'tag' ? tagged(db, view.tag, today) : untagged(db, view.kind, today),
    ])
    return { groups, archived, tags: tags.map(String) }
  })
}

/** The rows of rooms with what they are to this person, by id. */
export async function listedRooms(ids: readonly string[]): Promise<ReadonlyMap<string, ListedRoom>> {
  const { db } = store()
  const [rooms, memberships] = await Promise.all([db.conversations.bulkGet([...ids]), db.memberships.bulkGet([...ids])])
  return new Map(rooms.flatMap((room, index) => (room ? [[room.id, { room, membership: memberships[index] }] as const] : [])))
}

/** The room that was used last and is not put away; `but`: not this one. undefined: there is none. */
export async function newestRoom(but?: string): Promise<StoredConversation | undefined> {
  const { db } = store()
  return db.conversations
    .orderBy('updatedAt')
    .reverse()
    .filter(({ id, shelf: on }) => id !== but && (on === 'open' || on === 'pinned'))
    .first()
}

async function untagged(db: Database, kind: 'open' | 'archive', today: number): Promise<Group[]> {
  const [pinned, ids] = await Promise.all([kind === 'open' ? shelf(db, 'pinned').primaryKeys() : [], shelf(db, kind).primaryKeys()])
  const groups: Group[] = pinned.length > 0 ? [{ label: PINNED, ids: pinned }] : []
  let from = 0
  while (from < ids.length) {
    const first = await db.conversations.get(ids[from] ?? '')
    if (!first) break
    const { label, since } = periodOf(first.updatedAt, today)
    const to = await shelf(db, kind, -since).count()
    groups.push({ label, ids: ids.slice(from, to) })
    from = Math.max(to, from + 1)
  }
  return groups
}

async function tagged(db: Database, tag: string, today: number): Promise<Group[]> {
  const rows = await db.conversations.where('arranged.tags').equals(tag).toArray()
  const inOrder = rows.filter((row) => row.shelf === 'pinned' || row.shelf === 'open').sort((one, other) => one.place - other.place)
  const byLabel = Map.groupBy(
    [...inOrder.filter((row) => row.shelf === 'pinned'), ...inOrder.filter((row) => row.shelf === 'open')],
    (row) => (row.shelf === 'pinned' ? PINNED : periodOf(row.updatedAt, today).label),
  )
  return [...byLabel].map(([label, list]) => ({ label, ids: list.map(({ id }) => id) }))
}

/** What stands on a shelf, in order; `upTo`: up to this place. */
function shelf({ conversations }: Database, name: Shelf, upTo = Infinity) {
  return conversations.where('[shelf+place]').between([name, -Infinity], [name, upTo], true, true)
}
