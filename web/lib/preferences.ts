/** `contrast`: as the device is, light or dark, and as strong as it gets. */
export type Theme = 'system' | 'light' | 'dark' | 'contrast'
export type TextSize = 'small' | 'usual' | 'large' | 'larger' | 'largest'
/** What Enter does where messages are written; what it does not do, it does together with Shift, or with Ctrl or ⌘. */
export type EnterKey = 'sends' | 'breaks'

/** How Confab looks and works on this device, whoever uses it. */
export type Preferences = { readonly theme: Theme; readonly text: TextSize; readonly enter: EnterKey }

export const THEMES: readonly Theme[] = ['system', 'light', 'dark', 'contrast']
export const TEXT_SIZES: readonly TextSize[] = ['small', 'usual', 'large', 'larger', 'largest']
const ENTER_KEYS: readonly EnterKey[] = ['sends', 'breaks']

const KEY = 'confab.preferences'

/** What this tab could not store. */
let kept: Preferences | null = null

/** What is stored in this browser; what is missing or makes no sense is as at first. */
export function readPreferences(): Preferences {
  if (kept) return kept
  let stored: Partial<Record<keyof Preferences, unknown>> | null = null
  try {
    stored = JSON.parse(localStorage.getItem(KEY) ?? 'null')
  } catch {
    // Without storage, or with something else in it: as at first.
  }
  return {
    theme: THEMES.find((theme) => theme === stored?.theme) ?? 'system',
    text: TEXT_SIZES.find((size) => size === stored?.text) ?? 'usual',
    enter: ENTER_KEYS.find((key) => key === stored?.enter) ?? 'sends',
  }
}

/** Stores them for all tabs of this browser, which hear of it at once. */
export function writePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences))
    kept = null
  } catch {
    kept = preferences
  }
}

/** Calls back when another tab has stored them; the result ends it. */
export function onPreferencesElsewhere(listener: () => void): () => void {
  const heard = ({ key }: StorageEvent) => {
    // Without a key everything was removed.
    if (key === KEY || key === null) listener()
  }
  addEventListener('storage', heard)
  return () => removeEventListener('storage', heard)
}
