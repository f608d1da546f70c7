import { type RoomAct, roomActs } from '../lib/room-acts.ts'
import { countOf, unreadCount } from '../lib/room-row.ts'
import { RoomSelection } from '../lib/room-selection.svelte.ts'
import { currentConversation, go } from '../lib/route.svelte.ts'
import { UNTITLED } from '../lib/words.ts'
import { leave, newConversation, renameConversation } from './commands.ts'
import { arrangeRooms, movePinned, removable, removeRooms, restoreRooms, tagRooms, tellRemovals } from './room-deeds.ts'
import { listedRooms, newestRoom, PINNED, type View } from './room-list.ts'
import type { RoomList } from './room-list.svelte.ts'

type Ways = {
  /** The row of a room gets the focus. */
  focus(id: string): void
  /** The rules of the room that is open are shown. */
  rules(): void
}

/** What somebody is about to do with rooms of the list, and doing it: seldom done at first, and no part of the first screen. */
export class RoomDesk {
  readonly selection = new RoomSelection()
  menu = $state.raw<{ id: string; anchor: HTMLElement } | null>(null)
  renaming = $state<string | null>(null)
  /** The tags of each of the rooms. */
  tagging = $state.raw<{ ids: readonly string[]; of: readonly (readonly string[])[] } | null>(null)
  /** `shared`: rooms that others would lose, too. `others`: those that belong to others. */
  removing = $state.raw<{ ids: readonly string[]; shared: number; others: number } | null>(null)
  /** Whether to sign out is being asked. */
  leaving = $state(false)
  /** What has just been done, and what takes it back. */
  done = $state.raw<{ words: string; undo: () => Promise<unknown> } | null>(null)
  readonly #list: RoomList
  readonly #ways: Ways

  constructor(list: RoomList, ways: Ways) {
    this.#list = list
    this.#ways = ways
  }

  view(next: View): void {
    this.selection.end()
    this.#list.show(next)
  }

  openMenu(id: string, anchor: HTMLElement): void {
    this.menu = { id, anchor }
  }

  /** `id`: the row that gets the focus, which the boxes of the rows have had till then. */
  endSelecting(id = [...(this.selection.ids ?? [])].at(-1)): void {
    if (!this.selection.ids) return
    this.selection.end()
    if (id !== undefined) this.#ways.focus(id)
  }

  /** Nothing is asked any more. */
  close(): void {
    const of = this.tagging?.ids ?? this.removing?.ids
    this.menu = this.tagging = this.removing = null
    this.leaving = false
    if (of?.length === 1 && of[0] !== undefined) this.#ways.focus(of[0])
  }

  actsOf(id: string): RoomAct[] {
    const listed = this.#list.row(id)
    if (!listed) return []
    const { room, membership } = listed
    const pinned = this.#list.groups.find(({ label }) => label === PINNED)?.ids ?? []
    const { archived } = room.arranged
    const unread = unreadCount(room, membership)
    return roomActs({ role: membership?.role, archived, unread, pinnedAt: pinned.indexOf(id), pinned: pinned.length })
  }

  /** What a key on the row of a room asks for; while rooms are selected, of those. */
  key(wanted: RoomAct, id: string): void {
    const selected = this.selection.ids
    if (selected) return void (wanted === 'delete' && this.act(wanted, [...selected]))
    if (this.actsOf(id).includes(wanted)) void this.act(wanted, [id])
  }

  async act(wanted: RoomAct, ids: readonly string[]): Promise<void> {
    const [first] = ids
    this.menu = null
    if (first === undefined) return
    switch (wanted) {
      case 'rename':
        this.renaming = first
        return
      case 'select':
        this.selection.begin(first)
        return this.#ways.focus(first)
      case 'tags':
        this.tagging = { ids, of: [...(await listedRooms(ids)).values()].map(({ room }) => room.arranged.tags) }
        return
      case 'rules':
        go(first)
        return this.#ways.rules()
      case 'delete':
        return this.#askRemoval(ids)
      case 'pin':
      case 'unpin':
      case 'up':
      case 'down':
      case 'read':
      case 'archive':
      case 'unarchive': {
        const [words, next] = [this.#named(ids), this.#after(ids)]
        const undo = await arrangeRooms(wanted, ids)
        this.selection.end()
        if (undo) this.done = { words: `Archived ${words}`, undo }
        this.#ways.focus(wanted === 'archive' || wanted === 'unarchive' ? next : first)
      }
    }
  }

  /** null: it keeps its name. */
  async rename(id: string, title: string | null): Promise<void> {
    this.renaming = null
    if (title !== null) await renameConversation(id, title)
    this.#ways.focus(id)
  }

  async move(id: string, beforeId: string | null): Promise<void> {
    await movePinned(id, beforeId)
  }

  async tag(changes: readonly { tag: string; tagged: boolean }[]): Promise<void> {
    const ids = this.tagging?.ids ?? []
    for (const { tag, tagged } of changes) await tagRooms(ids, tag, tagged)
    this.selection.end()
  }

  async remove(ids: readonly string[]): Promise<void> {
    const [words, next] = [this.#named(ids), this.#after(ids)]
    const shown = currentConversation()
    const left = shown !== null && ids.includes(shown)
    await removeRooms(ids)
    this.selection.end()
    if (left) go((await newestRoom())?.id ?? (await newConversation()), 'replace')
    else this.#ways.focus(next)
    this.done = {
      words: `Deleted ${words}`,
      undo: async () => {
        const back = await restoreRooms(ids)
        if (left && back.includes(shown)) go(shown)
      },
    }
  }

  /** Signs out. What was removed is told before, or nobody could tell it later. False: the server could not be reached. */
  async leave(): Promise<boolean> {
    await tellRemovals()
    return leave()
  }

  async #askRemoval(ids: readonly string[]): Promise<void> {
    const { ids: own, shared } = await removable(ids)
    const others = ids.length - own.length
    if (shared + others > 0) this.removing = { ids: own, shared, others }
    else await this.remove(own)
  }

  /** The row that comes into the place of those that go. */
  #after(ids: readonly string[]): string {
    const all = this.#list.groups.flatMap((group) => group.ids)
    const last = all.findLastIndex((id) => ids.includes(id))
    return all[last + 1] ?? all.findLast((id) => !ids.includes(id)) ?? ''
  }

  #named(ids: readonly string[]): string {
    const title = this.#list.row(ids[0] ?? '')?.room.title
    return ids.length === 1 ? `“${title || UNTITLED}”` : countOf(ids.length)
  }
}
