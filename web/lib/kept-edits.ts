const KEY = 'confab.edit.'

/** What was written in the edit box of a message in this tab, and neither sent nor given up; null: nothing. It is there again when the page was loaded anew. */
export function keptEdit(messageId: string): string | null {
  try {
    return sessionStorage.getItem(KEY + messageId)
  } catch {
    return null
  }
}

/** Keeps it, or with null gives it up. */
export function keepEdit(messageId: string, text: string | null): void {
  try {
    if (text === null) sessionStorage.removeItem(KEY + messageId)
    else sessionStorage.setItem(KEY + messageId, text)
  } catch {
    // Without storage it is there as long as its box.
  }
}

/** Called when somebody else may use this tab next. */
export function forgetEdits(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(KEY)) sessionStorage.removeItem(key)
  } catch {
    // As above.
  }
}
