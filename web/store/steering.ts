import { type Refused, refusedOf } from '../lib/refused.ts'
import type { Database } from './database.ts'
import { changeDraft } from './drafts.ts'
import { ask } from './requests.ts'
import { withSpace } from './space.ts'
import { store } from './store.ts'
import { enqueue } from './waiting.ts'

/*
 * What is done with prompts that wait for their turn. It needs the server at once: whether it is too late, only the server knows.
 */

/**
 * Takes back a prompt of one's own; its text goes into the composer, before what is there, and out of it again when the server refuses. Rejects
 * with a RefusedError; after `offline` the text is in the composer, for the prompt may be gone all the same, and the server is asked again until it answers.
 */
export async function withdrawPrompt(id: string): Promise<void> {
  const { db } = store()
  const prompt = await db.messages.get(id)
  if (!prompt || prompt.deleted) return
  // First of all: once the server has it withdrawn, the text is nowhere else, and this page may be gone before it hears of that.
  const takeOut = await putBefore(db, prompt)
  try {
    await ask('message.withdraw', { id })
  } catch (error) {
    await (mayBeDone(refusedOf(error)) ? askAgain(db, prompt) : takeOut())
    throw error
  }
}

function askAgain(db: Database, { id, conversationId }: { id: string; conversationId: string }): Promise<void> {
  const task = async () => {
    const asked = await db.outbox
      .where('conversationId')
      .equals(conversationId)
      .filter(({ call }) => call.procedure === 'message.withdraw' && call.input.id === id)
      .count()
    if (asked === 0) await enqueue(db, conversationId, { procedure: 'message.withdraw', input: { id } })
  }
  return withSpace(db, () => db.transaction('rw', db.outbox, task))
}

/** Puts a text before a draft. Returns what takes it out again, unless the draft has been changed in the meantime. */
async function putBefore(db: Database, { conversationId, text }: { conversationId: string; text: string }): Promise<() => Promise<void>> {
  const change = (task: (draft: string) => string) =>
    withSpace(db, () => db.transaction('rw', db.drafts, () => changeDraft(db, conversationId, task)))
  let put: { before: string; after: string } | null = null
  await change((before) => {
    // It may be there from an earlier try that had no answer.
    const isThere = before === text || before.startsWith(`${text}\n\n`)
    put = isThere ? null : { before, after: before === '' ? text : `${text}\n\n${before}` }
    return put?.after ?? before
  })
  return () => change((draft) => (draft === put?.after ? put.before : draft))
}

/** Whether a call may have been carried out although it was not answered. */
function mayBeDone({ code }: Refused): boolean {
  return code === 'offline' || code === 'internal'
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
