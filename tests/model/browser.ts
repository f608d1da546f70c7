import type { Locks } from '../../web/sync/locks.ts'

type Request = { readonly tab: object; readonly name: string; run(): void }

/** The Web Locks of one browser: one holder of a name at a time, in the order of asking. What a tab holds is free when the tab is gone. */
export class BrowserLocks {
  readonly #held = new Map<string, object>()
  #waiting: Request[] = []

  of(tab: object): Locks {
    return (name, signal, task) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const request: Request = {
          tab,
          name,
          run: () => {
            signal.removeEventListener('abort', give)
            this.#held.set(name, tab)
            void task()
              .then(resolve, reject)
              .finally(() => {
                if (this.#held.get(name) === tab) this.#held.delete(name)
                this.#next()
              })
          },
        }
        const give = () => {
          this.#waiting = this.#waiting.filter((other) => other !== request)
          reject(signal.reason)
        }
        signal.addEventListener('abort', give, { once: true })
        this.#waiting.push(request)
        this.#next()
      })
  }

  /** The tab is gone. */
  free(tab: object): void {
    this.#waiting = this.#waiting.filter((request) => request.tab !== tab)
    for (const [name, holder] of this.#held) if (holder === tab) this.#held.delete(name)
    this.#next()
  }

  #next(): void {
    const next = this.#waiting.find(({ name }) => !this.#held.has(name))
    if (!next) return
    this.#waiting = this.#waiting.filter((request) => request !== next)
    next.run()
    this.#next()
  }
}

/** The rows of the browsers' databases, from outside. */
export type Peek = {
  /** The committed rows of a table by their keys; null while a transaction has it half written. */
  rows(database: string, table: string): ReadonlyMap<unknown, Readonly<Record<string, unknown>>> | null
  wipe(): void
}
