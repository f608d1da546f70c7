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
const MORE_CONTRAST = '(prefers-contrast: more)'
/** What a browser paints around the page: the token `paper`, which no document can ask for. */
const PAPER = { light: '#fbfaf7', dark: '#161614' }
const PAPER_IN_CONTRAST = { light: '#ffffff', dark: '#000000' }

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

/** Makes this page look so: the styles do the rest. */
export function showPreferences({ theme, text }: Preferences): void {
  const { dataset } = document.documentElement
  const contrast = theme === 'contrast' || (theme === 'system' && matchMedia(MORE_CONTRAST).matches)
  dataset['theme'] = theme
  dataset['text'] = text
  dataset['contrast'] = contrast ? 'more' : 'usual'
  const papers = contrast ? PAPER_IN_CONTRAST : PAPER
  for (const tag of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const dark = theme === 'dark' || (theme !== 'light' && tag.media.includes('dark'))
    tag.content = dark ? papers.dark : papers.light
  }
}

/** Calls back when the device wants another contrast than before. */
export function onContrastChange(listener: () => void): void {
  matchMedia(MORE_CONTRAST).addEventListener('change', listener)
}
