import { LIMITS, type Member, type Role } from '#contract'
import type { StoredConversation } from './database.ts'
import { Live } from './live.svelte.ts'
import { conversation, membership, messages, people } from './queries.ts'

/** One visit to a room: what is known of it, and how much of it is shown. */
export class Visit {
  readonly id: string
  window = $state(LIMITS.pageRows)
  readonly rows = $derived(((count) => new Live(() => messages(this.id, count)))(this.window))
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
}
