/** `mod` is Ctrl, and ⌘ on a Mac. Keys have the names of `KeyboardEvent.key`. */
type Shortcut = { readonly keys: readonly string[]; readonly words: string; readonly group: 'Conversations' | 'Answers' | 'Messages' }

/** Every shortcut there is: whoever handles one takes its keys from here, as the sheet that lists them does. */
export const SHORTCUTS = {
  keys: { keys: ['?', 'mod+/'], words: 'Keyboard shortcuts', group: 'Conversations' },
  search: { keys: ['mod+k'], words: 'Search everything', group: 'Conversations' },
  new: { keys: ['mod+shift+o'], words: 'New conversation', group: 'Conversations' },
  next: { keys: ['alt+ArrowDown'], words: 'Next conversation', group: 'Conversations' },
  previous: { keys: ['alt+ArrowUp'], words: 'Previous conversation', group: 'Conversations' },
  list: { keys: ['mod+shift+s'], words: 'Show or hide the list', group: 'Conversations' },
  rename: { keys: ['F2'], words: 'Rename this conversation', group: 'Conversations' },
  settings: { keys: ['mod+,'], words: 'Settings', group: 'Conversations' },
  compose: { keys: ['shift+Escape', 'c'], words: 'Write a message', group: 'Answers' },
  stop: { keys: ['mod+.'], words: 'Stop the answer', group: 'Answers' },
  copy: { keys: ['mod+shift+c'], words: 'Copy the last answer', group: 'Answers' },
  edit: { keys: ['mod+shift+e'], words: 'Edit what I asked last', group: 'Answers' },
  below: { keys: ['ArrowDown', 'j'], words: 'Next message', group: 'Messages' },
  above: { keys: ['ArrowUp', 'k'], words: 'Previous message', group: 'Messages' },
  first: { keys: ['Home'], words: 'First message', group: 'Messages' },
  last: { keys: ['End'], words: 'Last message', group: 'Messages' },
  menu: { keys: ['Enter', 'shift+F10', 'ContextMenu'], words: 'Its menu', group: 'Messages' },
  leave: { keys: ['Escape'], words: 'Back to the message box', group: 'Messages' },
} as const satisfies Record<string, Shortcut>

export type ShortcutId = keyof typeof SHORTCUTS
/** What works wherever the focus is. */
export type Deed = Exclude<ShortcutId, 'rename' | 'first' | 'last' | 'menu' | 'leave'>

export const DEEDS: readonly Deed[] = [
  ...(['keys', 'search', 'new', 'next', 'previous', 'list', 'settings'] as const),
  ...(['compose', 'stop', 'copy', 'edit', 'below', 'above'] as const),
]
/** What may open over a dialog, or instead of it. */
const OVER_DIALOGS: readonly ShortcutId[] = ['keys', 'search', 'settings']
const SINGLE = 'confab-single-keys'

export const isMac = /Mac|iP(hone|ad|od)/.test(navigator.platform)

/** Whether a key that was pressed is one of a shortcut's. */
export function isShortcut(event: KeyboardEvent, id: ShortcutId): boolean {
  return keyOf(event, id) !== undefined
}

function keyOf(event: KeyboardEvent, id: ShortcutId): string | undefined {
  return SHORTCUTS[id].keys.find((combination) => isPressed(event, combination))
}

function isPressed(event: KeyboardEvent, combination: string): boolean {
  const held = combination.split('+')
  const key = held.pop() ?? ''
  const [mod, other] = isMac ? [event.metaKey, event.ctrlKey] : [event.ctrlKey, event.metaKey]
  // Which signs need Shift differs from keyboard to keyboard.
  const isSign = key.length === 1 && !/[a-z]/.test(key)
  if (mod !== held.includes('mod') || other || event.altKey !== held.includes('alt')) return false
  if (!isSign && event.shiftKey !== held.includes('shift')) return false
  // On a keyboard of other letters the key at the same place counts.
  const pressed = /^[^\0-\x7f]$/.test(event.key) && event.code.startsWith('Key') ? event.code.slice(3) : event.key
  return key.length === 1 ? pressed.toLowerCase() === key : pressed === key
}

/** Whether a key without Ctrl or Alt is a letter of what is being written. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable]') !== null
}

/** Whether signs alone are shortcuts: who speaks to the computer, or hits keys by accident, wants none. */
export function singleKeys(): boolean {
  return localStorage.getItem(SINGLE) !== 'off'
}

export function setSingleKeys(on: boolean): void {
  if (on) localStorage.removeItem(SINGLE)
  else localStorage.setItem(SINGLE, 'off')
}

/** Calls back with every shortcut that is pressed. Returns its stop. */
export function listenForShortcuts(run: (deed: Deed) => void): () => void {
  const pressed = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    for (const deed of DEEDS) {
      const key = keyOf(event, deed)
      if (key === undefined) continue
      if (!/^(mod|alt|shift)\+/.test(key)) {
        // Those of the messages mean something else elsewhere; a sign alone is for whoever is not writing.
        if (key.length > 1 || isTyping(event.target) || !singleKeys() || document.querySelector(':popover-open')) return
      }
      if (!OVER_DIALOGS.includes(deed) && document.querySelector('dialog[open]')) return
      event.preventDefault()
      run(deed)
      return
    }
  }
  addEventListener('keydown', pressed)
  return () => removeEventListener('keydown', pressed)
}

/** For `aria-keyshortcuts`. */
export function ariaKeys(id: ShortcutId): string {
  return SHORTCUTS[id].keys
    .map((key) => key.replace('mod', isMac ? 'Meta' : 'Control').replace(/\b[a-z]/g, (sign) => sign.toUpperCase()))
    .join(' ')
}

const NAMES: Record<string, string> = {
  ArrowDown: '↓',
  ArrowUp: '↑',
  ContextMenu: '☰',
  Escape: 'Esc',
  Enter: '↵',
  alt: isMac ? '⌥' : 'Alt',
  mod: isMac ? '⌘' : 'Ctrl',
  shift: isMac ? '⇧' : 'Shift',
}

/** A combination as it stands on the keys. */
export function keyCaps(combination: string): string[] {
  return combination.split('+').map((key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key))
}
