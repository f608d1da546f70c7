let wish = $state<string | null>(null)

/** The message that somebody wants to edit from elsewhere than at itself; null: none. */
export function wishedEdit(): string | null {
  return wish
}

/** Asks the transcript to edit a message; with null the wish is taken or given up. */
export function wishEdit(messageId: string | null): void {
  wish = messageId
}
