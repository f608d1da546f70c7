import { ask } from './requests.ts'
import { store } from './store.ts'

/*
 * What is done with prompts that wait for their turn. It needs the server at once: whether it is too late, only the server knows.
 */

/** Takes back a prompt of one's own; its text goes back into the composer, before what is there. Rejects with a RefusedError. */
export async function withdrawPrompt(id: string): Promise<void> {
  const { db } = store()
  const prompt = await db.messages.get(id)
  if (!prompt) return
  await ask('message.withdraw', { id })
  const { conversationId, text } = prompt
  await db.transaction('rw', db.drafts, async () => {
    const draft = await db.drafts.get(conversationId)
    await db.drafts.put({ conversationId, text: draft?.text ? `${text}\n\n${draft.text}` : text })
  })
}

/**
 * Gives one's own prompts that wait in a room another order, that of `ids`; `revision`: the newest among their rows as they are shown. Rejects
 * with a RefusedError.
 */
export async function reorderPrompts(
  conversationId: string,
  { ids, revision }: { ids: readonly string[]; revision: number },
): Promise<void> {
  await ask('message.reorder', { conversationId, ids: [...ids], revision })
}
