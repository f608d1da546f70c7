/** `mod` is Ctrl, and ⌘ on a Mac. Keys have the names of `KeyboardEvent.key`. */
type Shortcut = { readonly keys: readonly string[] }

/** Every shortcut there is: whoever handles one takes its keys from here, as the sheet that lists them does; `shortcut-words.ts` says what each does. */
export const SHORTCUTS = {
  keys: { keys: ['?', 'mod+/'] },
  search: { keys: ['mod+k'] },
  new: { keys: ['mod+shift+o'] },
  next: { keys: ['alt+ArrowDown'] },
  previous: { keys: ['alt+ArrowUp'] },
  list: { keys: ['mod+shift+s'] },
  rename: { keys: ['F2'] },
  up: { keys: ['alt+ArrowUp'] },
  down: { keys: ['alt+ArrowDown'] },
  delete: { keys: ['Delete'] },
  undo: { keys: ['mod+z'] },
  // These four the browser knows by itself.
  open: { keys: ['Enter'] },
  options: { keys: ['shift+F10', 'ContextMenu'] },
  pick: { keys: [' '] },
  unpick: { keys: ['Escape'] },
  settings: { keys: ['mod+,'] },
  compose: { keys: ['shift+Escape', 'c'] },
  stop: { keys: ['mod+.'] },
  copy: { keys: ['mod+shift+c'] },
  edit: { keys: ['mod+shift+e'] },
  below: { keys: ['ArrowDown', 'j'] },
  above: { keys: ['ArrowUp', 'k'] },
  first: { keys: ['Home'] },
  last: { keys: ['End'] },
  menu: { keys: ['Enter', 'shift+F10', 'ContextMenu'] },
  leave: { keys: ['Escape'] },
} as const satisfies Record<string, Shortcut>

export type ShortcutId = keyof typeof SHORTCUTS
/** What works wherever the focus is. */
export type Deed = Exclude<ShortcutId, (typeof ELSEWHERE)[number]>

const ELSEWHERE = [
  'rename',
  'up',
  'down',
  'delete',
  'undo',
  'open',
  'options',
  'pick',
  'unpick',
  'first',
  'last',
  'menu',
  'leave',
] as const satisfies ShortcutId[]

export const DEEDS = Object.keys(SHORTCUTS).filter((id): id is Deed => !ELSEWHERE.some((other) => other === id))
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
