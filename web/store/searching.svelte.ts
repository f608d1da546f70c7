import { cut, LIMITS, type SearchHit } from '#contract'
import type { SearchAnswer, SearchQuestion } from '../lib/search-messages.ts'
import { startSearchWorker } from '../lib/search-worker-url.ts'
import { mergeHits } from '../lib/search-results.ts'
import { refusedOf } from '../lib/refused.ts'
import { refusedSentence } from '../lib/refused-sentences.ts'
import { ask } from './requests.ts'
import { store } from './store.ts'

/** After the last key, before the server is asked. */
const PAUSE_MS = 180
const HITS = 30

let worker: Worker | null = null

/** What was found for a query: on this device at once, on the server a moment later. Made while a component is. */
export class Searching {
  #here = $state.raw<readonly SearchHit[]>([])
  #there = $state.raw<readonly SearchHit[]>([])
  /** The server was not asked yet, or has not answered. */
  waiting = $state(false)
  /** Why the server has found nothing; empty: it has answered. */
  problem = $state('')
  #query = ''
  #timer: ReturnType<typeof setTimeout> | undefined
  #unlisten = () => {}

  get hits(): SearchHit[] {
    return mergeHits(this.#here, this.#there, HITS)
  }

  /** Listens to the worker, which is made with the first palette and ends with the page; the result ends the listening. */
  start(): () => void {
    this.#listen()
    return () => {
      this.#unlisten()
      clearTimeout(this.#timer)
    }
  }

  #listen(): void {
    if (!worker) {
      worker = startSearchWorker()
      say({ kind: 'open', personId: store().personId })
    }
    const hear = ({ data }: MessageEvent<SearchAnswer>) => {
      if (data.kind === 'changed') this.#look()
      else if (data.query === this.#query) this.#here = data.hits
    }
    // An error within it has words; without any it could not be fetched, and is made anew with the next key.
    const fail = (event: Event) => {
      if (!(event instanceof ErrorEvent) && worker === listening) worker = null
    }
    const listening = worker
    listening.addEventListener('message', hear)
    listening.addEventListener('error', fail)
    this.#unlisten = () => {
      listening.removeEventListener('message', hear)
      listening.removeEventListener('error', fail)
    }
  }

  find(query: string): void {
    this.#query = query.trim() === '' ? '' : query
    clearTimeout(this.#timer)
    this.problem = ''
    this.waiting = this.#query !== ''
    if (this.#query === '') this.#here = this.#there = []
    else this.#timer = setTimeout(() => void this.#askServer(query), PAUSE_MS)
    if (!worker && this.#query !== '') {
      this.#unlisten()
      this.#listen()
    }
    this.#look()
  }

  #look(): void {
    if (this.#query !== '') say({ kind: 'find', query: this.#query })
  }

  async #askServer(query: string): Promise<void> {
    try {
      const { hits } = await ask('search.messages', { query: cut(query, LIMITS.queryLength), limit: HITS })
      if (query === this.#query) this.#there = hits
    } catch (error) {
      if (query !== this.#query) return
      this.#there = []
      const refused = refusedOf(error)
      this.problem = refused.code === 'offline' ? 'Offline: this device only.' : refusedSentence(refused)
    } finally {
      if (query === this.#query) this.waiting = false
    }
  }
}

function say(question: SearchQuestion): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin to name
  worker?.postMessage(question)
}
