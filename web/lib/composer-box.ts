/** The composer of the room that is shown; null: nobody can write here. */
export function composerBox(): HTMLTextAreaElement | null {
  const box = document.getElementById('message')
  return box instanceof HTMLTextAreaElement ? box : null
}

/** Chromium gives the focus back from a dialog without the cursor: what is then typed would go nowhere. */
export function takeCursor(box: HTMLTextAreaElement): void {
  box.setSelectionRange(box.selectionStart, box.selectionEnd)
}

/** Puts words in place of a part of what stands in the composer, and the cursor behind them. False: nobody can write here. */
export function writeInComposer(words: string, part?: readonly [from: number, to: number]): boolean {
  const box = composerBox()
  if (!box) return false
  box.focus()
  if (part) box.setSelectionRange(...part)
  // As if it were typed: it can be undone, and whoever listens to the box hears of it.
  if (!document.execCommand('insertText', false, words)) {
    box.setRangeText(words, box.selectionStart, box.selectionEnd, 'end')
    box.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertText', data: words }))
  }
  return true
}
