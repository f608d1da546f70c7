/** Notes where somebody is in a box before its text becomes another one. The result puts them back there, if the box has the focus. */
export function keepPlace(box: HTMLTextAreaElement, after: string): () => void {
  const { value, selectionStart, selectionEnd, scrollTop } = box
  return () => {
    // In some browsers a selection would take the focus.
    if (document.activeElement !== box) return
    box.setSelectionRange(keptPlace(selectionStart, value, after), keptPlace(selectionEnd, value, after))
    box.scrollTop = scrollTop
  }
}

/** Where a place in a text is after the text was changed elsewhere: what was before it still is, and who was at the end stays there. */
export function keptPlace(place: number, before: string, after: string): number {
  if (place >= before.length) return after.length
  const most = Math.min(before.length, after.length)
  let same = 0
  while (same < most && before[same] === after[same]) same++
  if (place <= same) return place
  let tail = 0
  while (tail < most - same && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++
  return Math.max(place, before.length - tail) - before.length + after.length
}
