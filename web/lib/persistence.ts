const ASKED = 'confab.persistence-asked'

/**
 * Asks the browser, once on this device, not to give up what is stored when space gets short: some browsers ask the person, so it is asked
 * when the person has just written something. Never throws.
 */
export async function askToPersist(): Promise<void> {
  try {
    if (localStorage.getItem(ASKED) !== null || !navigator.storage?.persist) return
    localStorage.setItem(ASKED, 'yes')
    if (!(await navigator.storage.persisted())) await navigator.storage.persist()
  } catch {
    // The store works without; it may only be gone one day.
  }
}
