import {
  ArrowDown,
  ArrowUp,
  ChartColumn,
  Copy,
  type IconNode,
  Keyboard,
  LogOut,
  PanelLeft,
  Pencil,
  Search,
  Server,
  SlidersHorizontal,
  Square,
  SquarePen,
  TextCursorInput,
  UserPlus,
  UserRound,
  Users,
} from 'lucide'
import { openPanel } from '../lib/panels.svelte.ts'
import { doShortcut } from '../lib/shortcut-deeds.ts'
import { type Deed, DEEDS, keyCaps, SHORTCUTS } from '../lib/shortcuts.ts'

/** One line of the palette. */
export type Choice = {
  readonly id: string
  readonly look:
    | { readonly kind: 'icon'; readonly icon: IconNode }
    | { readonly kind: 'person'; readonly id: string; readonly name: string }
  readonly text: string
  readonly ranges: readonly (readonly [number, number])[]
  readonly detail: string
  /** What it can be done by as well, as it stands on the keys. */
  readonly keys?: readonly string[]
  /** Of a message. */
  readonly time?: number
  readonly run: () => unknown
}

/** `run` null: begins a conversation, which only the store can. */
export type Command = { readonly id: string; readonly name: string; readonly icon: IconNode; readonly run: (() => void) | null }

/** What can be done from the palette, by this person in this place. */
export function paletteCommands({ isOwner, hasRoom }: { isOwner: boolean; hasRoom: boolean }): Command[] {
  const commands: (Command | false)[] = [
    { id: 'new', name: 'New conversation', icon: SquarePen, run: null },
    hasRoom && { id: 'invite', name: 'Invite people', icon: UserPlus, run: () => openPanel('invite') },
    hasRoom && { id: 'people', name: 'People in this conversation', icon: Users, run: () => openPanel('people') },
    hasRoom && { id: 'room', name: 'When Gemini answers', icon: SlidersHorizontal, run: () => openPanel('room') },
    { id: 'you', name: 'You and your devices', icon: UserRound, run: () => openPanel('you') },
    { id: 'usage', name: 'Usage', icon: ChartColumn, run: () => openPanel('usage') },
    isOwner && { id: 'server', name: 'This server: people, links, budgets', icon: Server, run: () => openPanel('server') },
    { id: 'leave', name: 'Sign out…', icon: LogOut, run: askToLeave },
  ]
  return commands.filter((command) => command !== false)
}

const ICONS: Record<Deed, IconNode> = {
  keys: Keyboard,
  search: Search,
  new: SquarePen,
  next: ArrowDown,
  previous: ArrowUp,
  list: PanelLeft,
  settings: UserRound,
  compose: TextCursorInput,
  stop: Square,
  copy: Copy,
  edit: Pencil,
  below: ArrowDown,
  above: ArrowUp,
}

/** What only the keyboard has a way to otherwise; `known`: commands that are there already, by the same ids. */
export function shortcutCommands(known: readonly Command[]): Command[] {
  const others = DEEDS.filter((deed) => deed !== 'search' && deed !== 'settings' && !known.some(({ id }) => id === deed))
  return others.map((deed) => ({ id: deed, name: SHORTCUTS[deed].words, icon: ICONS[deed], run: () => doShortcut(deed) }))
}

/** The first keys of a command; undefined: it has none. */
export function keysOf(id: string): readonly string[] | undefined {
  const deed = DEEDS.find((known) => known === id)
  return deed && keyCaps(SHORTCUTS[deed].keys[0])
}

// The question is the list's own; on a phone the list is a drawer, and what is in a closed one cannot be seen.
function askToLeave(): void {
  const rooms = document.getElementById('rooms')
  if (rooms && getComputedStyle(rooms).display === 'none') rooms.showPopover()
  document.getElementById('sign-out')?.click()
}
