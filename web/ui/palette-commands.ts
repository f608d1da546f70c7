import {
  ArrowDown,
  ArrowUp,
  ChartColumn,
  Copy,
  type IconNode,
  Keyboard,
  LogOut,
  MessageSquareQuote,
  PanelLeft,
  Pencil,
  RefreshCw,
  Search,
  Server,
  Settings,
  SlidersHorizontal,
  Square,
  SquarePen,
  StickyNote,
  TextCursorInput,
  UserPlus,
  Users,
} from 'lucide'
import type { Preset } from '#contract'
import { insertPrompt } from '../lib/blanks.svelte.ts'
import { writeInComposer } from '../lib/composer-box.ts'
import { openPanel } from '../lib/panels.svelte.ts'
import { doShortcut } from '../lib/shortcut-deeds.ts'
import { keyCaps, SHORTCUT_WORDS } from '../lib/shortcut-words.ts'
import { type Deed, DEEDS, SHORTCUTS } from '../lib/shortcuts.ts'
import { slashWord } from '../lib/slash.ts'

const DETAIL_LENGTH = 140

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

/** `slash`: its word in the composer; '': it has none. */
export type Command = {
  readonly id: string
  readonly slash: string
  readonly name: string
  readonly detail: string
  readonly icon: IconNode
  readonly run: (rest: string) => unknown
}

/** What there is to work on; null: it is not there, or not for this person. */
export type Place = {
  readonly isOwner: boolean
  readonly roomId: string | null
  readonly mayAct: boolean
  readonly mayInvite: boolean
  readonly runningId: string | null
  /** What this person has asked last. */
  readonly promptId: string | null
  /** The last reply, when it has ended. */
  readonly replyId: string | null
}

/** What only the store can. */
export type Deeds = {
  readonly begin: () => unknown
  readonly rename: (roomId: string, title: string) => unknown
  readonly stop: (roomId: string) => unknown
  readonly regenerate: (roomId: string) => unknown
  readonly edit: (roomId: string) => unknown
}

/** What can be done by this person in this place, from the palette and by `/` in the composer. */
export function paletteCommands({ isOwner, roomId, mayAct, mayInvite, runningId, promptId, replyId }: Place, deeds: Deeds): Command[] {
  const acts = roomId !== null && mayAct
  const commands: (Omit<Command, 'id' | 'detail'> | false)[] = [
    { slash: 'new', name: 'New conversation', icon: SquarePen, run: () => deeds.begin() },
    acts && runningId !== null && { slash: 'stop', name: 'Stop the answer', icon: Square, run: () => deeds.stop(roomId) },
    acts && replyId !== null && { slash: 'regenerate', name: 'Answer once more', icon: RefreshCw, run: () => deeds.regenerate(roomId) },
    acts && promptId !== null && { slash: 'edit', name: 'Edit what I asked last', icon: Pencil, run: () => deeds.edit(roomId) },
    acts && { slash: 'note', name: 'Write a note that only people read', icon: StickyNote, run: () => writeInComposer('/note ', [0, 0]) },
    acts && {
      slash: 'rename',
      name: 'Rename this conversation',
      icon: TextCursorInput,
      run: (title) => (title.trim() === '' ? press('rename-room') : deeds.rename(roomId, title)),
    },
    acts && { slash: 'room', name: 'Model and rules', icon: SlidersHorizontal, run: () => openPanel('room') },
    roomId !== null && mayInvite && { slash: 'invite', name: 'Invite people', icon: UserPlus, run: () => openPanel('invite') },
    roomId !== null && { slash: 'people', name: 'People in this conversation', icon: Users, run: () => openPanel('people') },
    acts && { slash: 'prompts', name: 'Saved prompts…', icon: MessageSquareQuote, run: () => openPanel('prompts') },
    { slash: 'search', name: 'Search', icon: Search, run: () => openPanel('search') },
    { slash: 'settings', name: 'Settings: name, look, keys, devices', icon: Settings, run: () => openPanel('settings') },
    { slash: 'usage', name: 'Usage', icon: ChartColumn, run: () => openPanel('usage') },
    isOwner && { slash: 'server', name: 'This server: people, links, budgets', icon: Server, run: () => openPanel('server') },
    { slash: '', name: 'Sign out…', icon: LogOut, run: askToLeave },
  ]
  return commands
    .filter((command) => command !== false)
    .map((command) => ({ ...command, id: command.slash || 'leave', detail: command.slash && `/${command.slash}` }))
}

/** What a person has saved, to be put into the composer. */
export function promptCommands(prompts: readonly Preset[]): Command[] {
  return prompts.map(({ id, name, text }) => ({
    ...{ id, name, slash: slashWord(name), icon: MessageSquareQuote },
    detail: text.replace(/\s+/g, ' ').slice(0, DETAIL_LENGTH),
    run: () => insertPrompt(text),
  }))
}

/** What a button elsewhere on the page does. */
function press(id: string): void {
  document.getElementById(id)?.click()
}

const ICONS: Record<Deed, IconNode> = {
  keys: Keyboard,
  search: Search,
  new: SquarePen,
  next: ArrowDown,
  previous: ArrowUp,
  list: PanelLeft,
  settings: Settings,
  compose: TextCursorInput,
  stop: Square,
  copy: Copy,
  edit: Pencil,
  below: ArrowDown,
  above: ArrowUp,
}

/** Those that are commands above where they can be done. */
const COMMANDS: readonly Deed[] = ['new', 'search', 'settings', 'stop', 'edit']

/** What only the keyboard has a way to otherwise. */
export function shortcutCommands(): Command[] {
  const hasKeys = matchMedia('(hover: hover)').matches
  const others = DEEDS.filter((deed) => !COMMANDS.includes(deed) && (deed !== 'keys' || hasKeys))
  return others.map((deed) => ({
    id: deed,
    slash: '',
    name: SHORTCUT_WORDS[deed].words,
    detail: '',
    icon: ICONS[deed],
    run: () => doShortcut(deed),
  }))
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
  press('sign-out')
}
