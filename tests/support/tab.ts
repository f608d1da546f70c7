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

/** Locks of one browser. `most` is the largest number of requests for one name that waited or ran at once. */
export function createLocks(): { locks: Locks; readonly most: number } {
  const last = new Map<string, Promise<unknown>>()
  const requests = new Map<string, number>()
  let most = 0
  return {
    get most() {
      return most
    },
    async locks(name, signal, task) {
      const count = (requests.get(name) ?? 0) + 1
      requests.set(name, count)
      most = Math.max(most, count)
      const mine = (last.get(name) ?? Promise.resolve()).then(() => {
        signal.throwIfAborted()
        return task()
      })
      last.set(
        name,
        mine.catch(() => undefined),
      )
      try {
        return await mine
      } finally {
        requests.set(name, (requests.get(name) ?? 0) - 1)
      }
    },
  }
}
