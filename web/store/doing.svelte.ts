import { wishEdit } from '../lib/edit-wish.svelte.ts'
import { goToMade, jumpTo } from '../lib/route.svelte.ts'
import { regenerateReply } from './branches.ts'
import { newConversation, renameConversation, stopReply } from './commands.ts'
import { Live } from './live.svelte.ts'
import { refreshPresets, savedPrompts } from './models.ts'
import { conversation, lastSaid, me } from './queries.ts'
import { Visit } from './visit.svelte.ts'

/** What the commands of the palette and of the composer work on: the room that is open, and what was said last in it. */
export class Doing {
  readonly #id: () => string | null
  readonly #mine = new Live(me)
  readonly #visit = $derived.by(() => ((id) => (id === null ? null : new Visit(id)))(this.#id()))
  readonly #last = $derived.by(() => ((id) => (id === null ? null : new Live(() => lastSaid(id))))(this.#id()))

  readonly #prompts = new Live(savedPrompts)

  constructor(id: () => string | null) {
    this.#id = id
    // Without an answer it is what this device knows.
    refreshPresets().catch(() => undefined)
  }

  get prompts() {
    const { current } = this.#prompts
    return current.state === 'ready' ? current.value : []
  }

  /** What is there to work on; null: it is not. */
  get place() {
    const last = this.#last?.current
    const mine = this.#mine.current
    const roomId = this.#visit?.room?.id ?? null
    return {
      isOwner: mine.state === 'ready' && mine.value?.person.kind === 'owner',
      roomId,
      mayAct: roomId !== null && this.#visit?.mayAct === true,
      mayInvite: this.#visit?.role === 'owner',
      runningId: this.#visit?.room?.runningId ?? null,
      promptId: last?.state === 'ready' ? last.value.promptId : null,
      replyId: last?.state === 'ready' ? last.value.replyId : null,
    }
  }
  /** Edits what this person has asked last in the room, if there is anything that can be edited. */
  async editLast(): Promise<void> {
    const id = this.#id()
    if (id !== null) await editLastOf(id)
  }

  readonly deeds = { begin, rename: renameConversation, stop: stopRunning, regenerate: regenerateLast, edit: editLastOf }
}

// What is shown may be a moment old: each of them looks what there is now.

async function stopRunning(conversationId: string): Promise<void> {
  const runningId = (await conversation(conversationId))?.runningId
  if (runningId) await stopReply(runningId)
}

async function regenerateLast(conversationId: string): Promise<void> {
  const { replyId } = await lastSaid(conversationId)
  if (replyId !== null) await regenerateReply(replyId)
}

async function editLastOf(conversationId: string): Promise<void> {
  const { promptId } = await lastSaid(conversationId)
  if (promptId !== null) edit(conversationId, promptId)
}

async function begin(): Promise<void> {
  await goToMade(newConversation())
}

/** Opens a prompt for its edit, wherever in the room it is. */
function edit(conversationId: string, messageId: string): void {
  if (!document.querySelector(`article[data-message-id="${messageId}"]`)) jumpTo(conversationId, messageId)
  wishEdit(messageId)
}
