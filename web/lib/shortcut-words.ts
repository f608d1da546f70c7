import { isMac, type ShortcutId, SHORTCUTS } from './shortcuts.ts'

type Words = { readonly words: string; readonly group: 'Conversations' | 'In the list' | 'Answers' | 'Messages' }

/** What each shortcut does, in the order of the sheet. Apart from the keys: the first screen handles keys and names none. */
export const SHORTCUT_WORDS: Record<ShortcutId, Words> = {
  keys: { words: 'Keyboard shortcuts', group: 'Conversations' },
  search: { words: 'Search everything', group: 'Conversations' },
  new: { words: 'New conversation', group: 'Conversations' },
  next: { words: 'Next conversation', group: 'Conversations' },
  previous: { words: 'Previous conversation', group: 'Conversations' },
  list: { words: 'Show or hide the list', group: 'Conversations' },
  rename: { words: 'Rename this conversation', group: 'Conversations' },
  settings: { words: 'Settings', group: 'Conversations' },
  compose: { words: 'Write a message', group: 'Answers' },
  stop: { words: 'Stop the answer', group: 'Answers' },
  copy: { words: 'Copy the last answer', group: 'Answers' },
  edit: { words: 'Edit what I asked last', group: 'Answers' },
  open: { words: 'Open', group: 'In the list' },
  options: { words: 'Options', group: 'In the list' },
  up: { words: 'Move up what is pinned', group: 'In the list' },
  down: { words: 'Move down what is pinned', group: 'In the list' },
  delete: { words: 'Delete', group: 'In the list' },
  undo: { words: 'Undo deleting or archiving', group: 'In the list' },
  pick: { words: 'Select, or not, while selecting', group: 'In the list' },
  unpick: { words: 'End selecting', group: 'In the list' },
  below: { words: 'Next message', group: 'Messages' },
  above: { words: 'Previous message', group: 'Messages' },
  first: { words: 'First message', group: 'Messages' },
  last: { words: 'Last message', group: 'Messages' },
  menu: { words: 'Its menu', group: 'Messages' },
  leave: { words: 'Back to the message box', group: 'Messages' },
}

/** All of them with their keys, in the order of the sheet. */
export const SHORTCUT_SHEET = Object.entries(SHORTCUT_WORDS).map(([id, { words, group }]) => ({
  ...{ id, words, group },
  keys: Object.entries(SHORTCUTS).find(([name]) => name === id)?.[1].keys ?? [],
}))

const NAMES: Record<string, string> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  ContextMenu: '☰',
  Escape: 'Esc',
  Enter: '↵',
  ' ': 'Space',
  alt: isMac ? '⌥' : 'Alt',
  mod: isMac ? '⌘' : 'Ctrl',
  shift: isMac ? '⇧' : 'Shift',
}

/** A combination as it stands on the keys. */
export function keyCaps(combination: string): string[] {
  return combination.split('+').map((key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key))
}
