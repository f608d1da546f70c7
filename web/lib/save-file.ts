const KEPT_MS = 60_000

/** Lets the browser save a text under a name. */
export function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // Some browsers read it only after the reader has said where to.
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS)
}
