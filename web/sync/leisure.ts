/** What the browser has to spare for work that nobody waits for. */
export type Leisure = {
  /** Resolves when the page is seen and the browser has nothing better to do. */
  idle(): Promise<void>
  /** False: the person pays for data, or the device is nearly full. */
  spare(): Promise<boolean>
}

/** Of what the browser grants to this site, the part that may be filled with what nobody has asked for. */
const SHARE = 0.6
/** Where a browser does not tell when it is idle. */
const IDLE_MS = 1_000

export const browserLeisure: Leisure = {
  async idle() {
    // Asked again after each: the page may have been put away meanwhile.
    do {
      await seen()
      await new Promise<unknown>((resolve) => {
        // Not in Safari, whatever the types say.
        if ('requestIdleCallback' in globalThis) requestIdleCallback(resolve)
        else setTimeout(resolve, IDLE_MS)
      })
    } while (document.visibilityState !== 'visible')
  },
  async spare() {
    if (savesData()) return false
    const { usage = 0, quota = Number.POSITIVE_INFINITY } = (await navigator.storage?.estimate?.()) ?? {}
    return usage < quota * SHARE
  },
}

function seen(): Promise<void> {
  if (document.visibilityState === 'visible') return Promise.resolve()
  return new Promise((resolve) => document.addEventListener('visibilitychange', () => resolve(seen()), { once: true }))
}

// Not every browser has it, and no list of types.
function savesData(): boolean {
  if (!('connection' in navigator)) return false
  const { connection } = navigator
  return typeof connection === 'object' && connection !== null && 'saveData' in connection && connection.saveData === true
}
