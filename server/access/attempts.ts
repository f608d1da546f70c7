/**
 * Counts attempts by key in fixed windows and says whether one more is allowed. At most `maxKeys` keys are remembered; beyond
 * that the oldest windows are forgotten first.
 */
export function createAttempts(options: { max: number; windowMs: number; maxKeys: number; now?: () => number }): (key: string) => boolean {
  const { max, windowMs, maxKeys, now = Date.now } = options
  const windows = new Map<string, { from: number; count: number }>()
  return (key) => {
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
    window.count++
    return window.count <= max
  }
}
