import { createStore, type Store } from '../../web/store/store.ts'
import { type EngineOptions, start } from '../../web/sync/engine.ts'
import type { Locks } from '../../web/sync/locks.ts'
import type { ModelServer } from './model-server.ts'
import type { Line } from './pair.ts'

export type Tab = { store: Store; line: Line; goTo(id: string | null): void; stop(): void }

/** A tab of the server's person: an engine and a line of its own, and the database that all tabs of that person share. Not connected yet. */
export function openTab(server: ModelServer, opened: string | null = null, options: Partial<EngineOptions> = {}): Tab {
  const store = createStore(server.person.id)
  const line = server.line()
  let current = opened
  const listeners = new Set<() => void>()
  const stop = start(store, {
    transport: () => line,
    route: {
      current: () => current,
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    random: () => 0.02,
    onSignedOut: () => undefined,
    signOut: async () => true,
    ...options,
  })
  const goTo = (id: string | null) => {
    current = id
    for (const listener of listeners) listener()
  }
  return { store, line, goTo, stop }
}

/** Locks of one browser. `most` is the largest number of requests that waited or ran at once. */
export function createLocks(): { locks: Locks; readonly most: number } {
  let last: Promise<unknown> = Promise.resolve()
  let requests = 0
  let most = 0
  return {
    get most() {
      return most
    },
    async locks(_name, signal, task) {
      most = Math.max(most, ++requests)
      const mine = last.then(() => {
        signal.throwIfAborted()
        return task()
      })
      last = mine.catch(() => undefined)
      try {
        return await mine
      } finally {
        requests--
      }
    },
  }
}
