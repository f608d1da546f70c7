import { composerBox, writeInComposer } from './composer-box.ts'

/** A place in a saved prompt that is to be filled in: `{{name}}`. */
export type Blank = { readonly name: string; readonly start: number; readonly end: number }

const BLANK = /\{\{([^{}\n]{1,60})\}\}/g

export function blanksOf(text: string): Blank[] {
  return [...text.matchAll(BLANK)].map(({ 0: all, 1: name = '', index }) => ({ name: name.trim(), start: index, end: index + all.length }))
}

/** The blank behind what is selected, or before it; around the ends. undefined: there is none. */
export function nextBlank(text: string, [from, to]: readonly [from: number, to: number], back: boolean): Blank | undefined {
  const blanks = blanksOf(text)
  return back ? (blanks.findLast(({ end }) => end <= from) ?? blanks.at(-1)) : (blanks.find(({ start }) => start >= to) ?? blanks[0])
}

let filling = $state(false)

/** Whether Tab goes from blank to blank in the composer: after a prompt with blanks was put there, and until that is left. */
export function isFilling(): boolean {
  return filling
}

export function leaveBlanks(): void {
  filling = false
}

/** Selects the next blank in the composer. False: there is none. */
export function selectBlank(back = false): boolean {
  const box = composerBox()
  const blank = box && nextBlank(box.value, [box.selectionStart, box.selectionEnd], back)
  if (!blank) return false
  box.focus()
  box.setSelectionRange(blank.start, blank.end)
  return true
}

/** Puts a saved prompt where the cursor is in the composer and selects its first blank. */
export function insertPrompt(text: string): void {
  const box = composerBox()
  if (!box) return
  const at = box.selectionStart
  writeInComposer(text)
  filling = blanksOf(text).length > 0
  if (!filling) return
  box.setSelectionRange(at, at)
  selectBlank()
}
