const KEY = 'confab.reload'

/** Loads the tabs of this browser anew, this one too. What is being typed in them is a draft by then. */
export function reloadAllTabs(): void {
  try {
    localStorage.setItem(KEY, String(Date.now()))
  } catch {
    // The others cannot be told; the server tells them what they miss.
  }
  location.reload()
}

/** Obeys when another tab wants all of them to be loaded anew. */
export function reloadWithOthers(): void {
  addEventListener('storage', ({ key, newValue }) => {
    if (key === KEY && newValue !== null) location.reload()
  })
}
