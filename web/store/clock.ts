/** Time as the store and the engine see it: a test drives it by hand. */
export type Clock = {
  /** Milliseconds of any epoch. */
  now(): number
  /** Runs `task` after `delayMs`; the result cancels. */
  after(delayMs: number, task: () => void): () => void
}

export const systemClock: Clock = {
  // Not the time of day: that jumps when somebody sets it.
  now: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}
