import { liveQuery } from 'dexie'
import { createSubscriber } from 'svelte/reactivity'
import { type Connection, store } from './store.ts'
import type { Value } from './value.ts'

export type { Connection } from './store.ts'

export type LiveResult<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; error: unknown }

/**
 * A query of the store as a value that effects may read: it runs while somebody reads `current`, again after every change of what it
 * read, and ends after the last reader. Whoever reads it later has at first what was true then: to be shown, not to be acted on.
 * Read reactive arguments outside of the query; inside they are not tracked.
 */
export class Live<T> {
  #result: LiveResult<T> = { state: 'loading' }
  readonly #subscribe: () => void

  constructor(query: () => Promise<T> | T) {
    this.#subscribe = createSubscriber((update) => {
      const subscription = liveQuery(query).subscribe({
        next: (value) => {
          this.#result = { state: 'ready', value }
          update()
        },
        error: (error: unknown) => {
          this.#result = { state: 'failed', error }
          update()
        },
      })
      return () => subscription.unsubscribe()
    })
  }

  get current(): LiveResult<T> {
    this.#subscribe()
    return this.#result
  }
}

type Spoken = { watch: (replyId: string, listener: () => void) => () => void; get: (replyId: string) => string | null }

/** What is said in replies right now, as values that effects may read. */
function spoken(of: () => Spoken): (replyId: string) => string | null {
  const subscribers = new Map<string, () => void>()
  return (replyId) => {
    let subscribe = subscribers.get(replyId)
    if (!subscribe) {
      const made = createSubscriber((update) => {
        subscribers.set(replyId, made)
        const stop = of().watch(replyId, update)
        return () => {
          stop()
          if (subscribers.get(replyId) === made) subscribers.delete(replyId)
        }
      })
      subscribe = made
    }
    subscribe()
    return of().get(replyId)
  }
}

/** The text so far of a reply that is being written; null: nothing is live, the row's text is the text. */
export const liveText = spoken(() => store().live)

/** What the model thinks before and while it writes a reply; null: nothing was heard. */
export const liveThoughts = spoken(() => store().thoughts)

function reactive<T>(value: () => Value<T>): () => T {
  const subscribe = createSubscriber((update) => value().watch(update))
  return () => {
    subscribe()
    return value().current
  }
}

/** The connection of this tab. */
export const connection: () => Connection = reactive(() => store().connection)

/** True when only a reload of the page helps: the server was updated. */
export const outdated: () => boolean = reactive(() => store().outdated)

/** True when a newer client is stored in this browser and waits for the reader's word. */
export const updateReady: () => boolean = reactive(() => store().updateReady)

const writers = reactive(() => store().typing.shown)

/** The ids of those who are writing in a room. */
export function typing(conversationId: string): readonly string[] {
  return writers().get(conversationId) ?? []
}

const missing = reactive(() => store().missing)
const rooms = new Map<string, Live<boolean | undefined>>()

function isDeleted(conversationId: string): Live<boolean | undefined> {
  const known = rooms.get(conversationId) ?? new Live(async () => (await store().db.conversations.get(conversationId))?.deleted)
  rooms.set(conversationId, known)
  return known
}

/** Whether a room is there: `unknown` until the store or the server has said so. */
export function roomState(conversationId: string): 'known' | 'missing' | 'unknown' {
  const stored = isDeleted(conversationId).current
  const isMissing = missing().has(conversationId)
  const deleted = stored.state === 'ready' ? stored.value : undefined
  if (deleted === undefined) return isMissing ? 'missing' : 'unknown'
  return deleted ? 'missing' : 'known'
}
