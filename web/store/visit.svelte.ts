import { LIMITS, type Member, type Role } from '#contract'
import { earlierStep } from '../lib/scroll.ts'
import type { StoredConversation } from './database.ts'
import { Live } from './live.svelte.ts'
import { endAt, type PathEnd, wholePath } from './path.ts'
import { conversation, membership, messages, people, storedMessage, type Transcript } from './queries.ts'
import { requestEarlier } from './requests.ts'

/** A message that is so close to the end is shown with everything behind it. */
const NEAR_ROWS = 4 * LIMITS.pageRows

/** One visit to a room: what is known of it, and how much of it is shown. */
export class Visit {
  readonly id: string
  #window = $state<number>(LIMITS.pageRows)
  /** Where what is shown ends; null: with the newest. */
  #end = $state.raw<PathEnd | null>(null)
  #asked = ''
  readonly rows = $derived(((count, end) => new Live(() => messages(this.id, count, end)))(this.#window, this.#end))
  readonly #room: Live<Awaited<ReturnType<typeof conversation>>>
  readonly #people: Live<readonly Member[]>
  readonly #membership: Live<Awaited<ReturnType<typeof membership>>>

  constructor(id: string) {
    this.id = id
    this.#room = new Live(() => conversation(id))
    this.#people = new Live(() => people(id))
    this.#membership = new Live(() => membership(id))
  }

  get room(): StoredConversation | undefined {
    const { current } = this.#room
    return current.state === 'ready' ? current.value : undefined
  }

  get people(): readonly Member[] {
    const { current } = this.#people
    return current.state === 'ready' ? current.value : []
  }

  /** undefined: the server has not said yet. */
  get role(): Role | undefined {
    const { current } = this.#membership
    return current.state === 'ready' ? current.value?.role : undefined
  }

  /** False: this person may only read here. */
  get mayAct(): boolean {
    return this.role !== 'viewer'
  }

  /** The reader is near the top of what is shown. Asked again with the same `shown` after a connection was lost, it asks the server again. */
  showEarlier(shown: Transcript, connection: string): void {
    const view = { shown: shown.messages.length, window: this.#window, earlier: shown.earlier }
    switch (earlierStep(view)) {
      case 'widen':
        this.#window += LIMITS.pageRows
        return
      case 'request': {
        const page = `${shown.oldest} ${connection}`
        if (page !== this.#asked) requestEarlier(this.id)
        this.#asked = page
        return
      }
      case 'none':
        return
    }
  }

  /** The reader is near the end of what is shown, and it is not the end of the room. */
  async showLater(): Promise<void> {
    const { messages: path } = await wholePath(this.id)
    const end = this.#end
    if (!end) return
    const at = path.findLastIndex(({ position }) => position <= end.revision)
    const more = Math.min(LIMITS.pageRows, path.length - 1 - at)
    this.#window += more
    this.#end = at + more >= path.length - 1 ? null : endAt(path, at + more)
  }

  showEnd(): void {
    if (!this.#end) return
    this.#end = null
    this.#window = LIMITS.pageRows
  }

  /**
   * Makes a message one of those that are shown, with some before and behind it. `coming`: the server was asked for it, and there will be other
   * rows; `aside`: it is not on the room's path; `absent`: it was removed.
   */
  async show(messageId: string): Promise<'shown' | 'coming' | 'aside' | 'absent'> {
    const [{ messages: path, earlier }, row] = await Promise.all([wholePath(this.id), storedMessage(messageId)])
    const at = path.findIndex(({ id }) => id === messageId)
    if (at === -1 && row?.conversationId === this.id && row.delivery !== 'sent') {
      this.showEnd()
      return 'shown'
    }
    if (at === -1) {
      if (earlier) {
        requestEarlier(this.id, LIMITS.maxPageRows)
        return 'coming'
      }
      return row?.conversationId === this.id && !row.deleted ? 'aside' : 'absent'
    }
    const behind = path.length - at
    const near = behind <= NEAR_ROWS
    this.#end = near ? null : endAt(path, at + LIMITS.pageRows / 2)
    this.#window = near ? Math.max(this.#window, behind + LIMITS.pageRows / 2) : LIMITS.pageRows
    return 'shown'
  }

  /** Another branch was selected: what is shown may not be on the path any more. */
  async follow(): Promise<void> {
    const before = this.#end
    if (!before) return
    const { messages: path } = await wholePath(this.id)
    if (this.#end !== before || path.some(({ id }) => id === before.headId)) return
    const at = path.findLastIndex(({ position }) => position <= before.revision)
    this.#end = at === -1 ? null : endAt(path, at)
  }
}
