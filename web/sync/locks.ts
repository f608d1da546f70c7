/** Runs `task` when no other tab does the same; the signal gives up waiting, with a rejection. */
export type Locks = <T>(name: string, signal: AbortSignal, task: () => Promise<T>) => Promise<T>

/** The browser's locks. A page of plain http that is not on localhost has none: every call can be repeated, so it goes without. */
export const browserLocks: Locks = (name, signal, task) => {
  const locks: LockManager | undefined = globalThis.navigator?.locks
  return locks ? locks.request(name, { signal }, task) : task()
}
