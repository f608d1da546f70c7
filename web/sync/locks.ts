/** Runs `task` when no other tab does the same; the signal gives up waiting, with a rejection. */
export type Locks = <T>(name: string, signal: AbortSignal, task: () => Promise<T>) => Promise<T>

/** A tab that the system has put to sleep keeps its lock. Every call can be repeated, so the others do not wait for it for ever. */
const PATIENCE_MS = 15_000

/** The browser's locks. A page of plain http that is not on localhost has none: there, nobody waits for anybody. */
export function browserLocks(locks: LockManager | undefined = globalThis.navigator?.locks, patienceMs: number = PATIENCE_MS): Locks {
  return async (name, signal, task) => {
    if (!locks) return task()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), patienceMs)
    try {
      return await locks.request(name, { signal: AbortSignal.any([signal, late.signal]) }, () => {
        clearTimeout(timer)
        return task()
      })
    } catch (error) {
      if (late.signal.aborted && !signal.aborted) return task()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
}
