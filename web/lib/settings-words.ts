import type { EnterKey, TextSize, Theme } from './preferences.ts'

export const THEME_WORDS: Readonly<Record<Theme, string>> = {
  system: 'As the device',
  light: 'Light',
  dark: 'Dark',
  contrast: 'High contrast',
}

export const SIZE_WORDS: Readonly<Record<TextSize, string>> = {
  small: 'Small',
  usual: 'Usual',
  large: 'Large',
  larger: 'Larger',
  largest: 'Largest',
}

export const ENTER_CHOICES: readonly { readonly key: EnterKey; readonly words: string; readonly more: string }[] = [
  { key: 'sends', words: 'Enter sends', more: 'Shift+Enter: new line' },
  { key: 'breaks', words: 'Enter: new line', more: 'Ctrl+Enter or ⌘ Enter sends' },
]

/** What this browser holds of a person. `bytes`: of everything that is kept for this address, roughly; null: it does not tell. */
export type Holdings = {
  readonly messages: number
  readonly rooms: number
  /** Calls that the server has not answered, and those that it has refused. */
  readonly unsent: number
  readonly drafts: number
  readonly bytes: number | null
}

const KILOBYTE = 1024

/** Bytes for people: `3.2 MB`. */
export function sizeWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB']
  let size = bytes
  let unit = 0
  while (size >= KILOBYTE && unit < units.length - 1) {
    size /= KILOBYTE
    unit++
  }
  return `${size.toLocaleString('en', { maximumFractionDigits: unit < 2 ? 0 : 1 })} ${units[unit]}`
}

/** What a clearing leaves behind, as the end of a sentence; empty: nothing that would be missed. */
export function keptWords({ unsent, drafts }: Pick<Holdings, 'unsent' | 'drafts'>): string {
  const parts = [
    unsent === 0 ? '' : unsent === 1 ? '1 change that was not sent yet' : `${unsent} changes that were not sent yet`,
    drafts === 0 ? '' : drafts === 1 ? '1 draft' : `${drafts} drafts`,
  ]
  return parts.filter((part) => part !== '').join(' and ')
}
