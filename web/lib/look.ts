import type { Preferences } from './preferences.ts'

const MORE_CONTRAST = '(prefers-contrast: more)'
/** What a browser paints around the page: the token `paper`, which no document can ask for. */
const PAPER = { light: '#fbfaf7', dark: '#161614' }
const PAPER_IN_CONTRAST = { light: '#ffffff', dark: '#000000' }

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
