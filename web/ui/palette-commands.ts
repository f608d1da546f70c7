import { ChartColumn, type IconNode, LogOut, Server, Settings, SlidersHorizontal, SquarePen, UserPlus, Users } from 'lucide'
import { openPanel } from '../lib/panels.svelte.ts'

/** One line of the palette. */
export type Choice = {
  readonly id: string
  readonly look:
    | { readonly kind: 'icon'; readonly icon: IconNode }
    | { readonly kind: 'person'; readonly id: string; readonly name: string }
  readonly text: string
  readonly ranges: readonly (readonly [number, number])[]
  readonly detail: string
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
    { id: 'settings', name: 'Settings: name, look, keys, devices', icon: Settings, run: () => openPanel('settings') },
    { id: 'usage', name: 'Usage', icon: ChartColumn, run: () => openPanel('usage') },
    isOwner && { id: 'server', name: 'This server: people, links, budgets', icon: Server, run: () => openPanel('server') },
    { id: 'leave', name: 'Sign out…', icon: LogOut, run: askToLeave },
  ]
  return commands.filter((command) => command !== false)
}

// The question is the list's own; on a phone the list is a drawer, and what is in a closed one cannot be seen.
function askToLeave(): void {
  const rooms = document.getElementById('rooms')
  if (rooms && getComputedStyle(rooms).display === 'none') rooms.showPopover()
  document.getElementById('sign-out')?.click()
}
