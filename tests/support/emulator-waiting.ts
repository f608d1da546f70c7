const PATIENCE_MS = 10_000

type Waiting = {
  /** Something happened: every condition is looked at again. */
  changed(): void
  /** The first value that `find` finds; rejects after the time, naming what was waited for. */
  until<T>(what: string, find: () => T | undefined, timeoutMs?: number): Promise<T>
  /** Everybody who waits is told that it is over. */
  stop(): void
}

/** Waiting for conditions that change only when `changed` is called, so without looking at a clock. */
export function createWaiting(): Waiting {
  const looks = new Set<() => void>()
  const failures = new Set<(error: Error) => void>()
  return {
    changed() {
      for (const look of [...looks]) look()
    },
    until<T>(what: string, find: () => T | undefined, timeoutMs = PATIENCE_MS) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const look = () => {
        const found = find()
        if (found === undefined) return
        settle()
        resolve(found)
      }
      const fail = (error: Error) => {
        settle()
        reject(error)
      }
      const timer = setTimeout(() => fail(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs)
      const settle = () => {
        clearTimeout(timer)
        looks.delete(look)
        failures.delete(fail)
      }
      looks.add(look)
      failures.add(fail)
      look()
      return promise
    },
    stop() {
      for (const fail of [...failures]) fail(new Error('the emulator was stopped'))
    },
  }
}
