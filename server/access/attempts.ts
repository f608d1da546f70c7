export type Attempts = (key: string, count?: 1 | 0 | -1) => boolean

/**
 * Counts attempts by key in fixed windows and says whether one more is allowed. At most `maxKeys` keys are remembered; beyond
 * that the oldest windows are forgotten first. One that has turned out well is given back by a `count` of -1; 0 only looks.
 */
export function createAttempts(options: { max: number; windowMs: number; maxKeys: number; now?: () => number }): Attempts {
  const { max, windowMs, maxKeys, now = Date.now } = options
  const windows = new Map<string, { from: number; count: number }>()
  return (key, count = 1) => {
    const at = now()
    let window = windows.get(key)
    if (!window || at - window.from >= windowMs) {
      windows.delete(key)
      window = { from: at, count: 0 }
      windows.set(key, window)
      for (const oldest of windows.keys()) {
        if (windows.size <= maxKeys) break
        windows.delete(oldest)
      }
    }
    window.count = Math.max(0, window.count + count)
    return window.count <= max
  }
}
