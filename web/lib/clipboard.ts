/** Puts a text on the clipboard; false when the browser would not. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

// Over plain http on another machine there is no navigator.clipboard.
function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'visually-hidden'
  const focused = document.activeElement
  // Outside of an open dialog nothing can be selected, and the browser would say that it has copied what is not.
  const around = [...document.querySelectorAll('dialog:modal')].at(-1) ?? document.body
  around.append(area)
  area.select()
  const copied = document.activeElement === area && document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}
