/** Counts by key within windows of a fixed length. */
export type Attempts = {
  /** Counts one more, and says whether it is allowed. */
  take(key: string): boolean
  /** Whether one more would be allowed. */
  allows(key: string): boolean
}

/** At most `max` of a key within `windowMs`. At most `maxKeys` keys are remembered; beyond that the oldest windows are forgotten first. */
export function createAttempts(options: { max: number; windowMs: number; maxKeys: number; now?: () => number }): Attempts {
  const { max, windowMs, maxKeys, now = Date.now } = options
  const windows = new Map<string, { from: number; count: number }>()
  const current = (key: string) => {
    const window = windows.get(key)
    return window && now() - window.from < windowMs ? window : null
  }
  return {
    take(key) {
      let window = current(key)
      if (!window) {
        windows.delete(key)
        window = { from: now(), count: 0 }
        windows.set(key, window)
        for (const oldest of windows.keys()) {
          if (windows.size <= maxKeys) break
          windows.delete(oldest)
        }
      }
      window.count++
      return window.count <= max
    },
    allows: (key) => (current(key)?.count ?? 0) < max,
  }
}
