/** Waits, or rejects with the signal's reason as soon as it is aborted. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  if (signal.aborted) reject(signal.reason)
  const onAbort = () => reject(signal.reason)
  const timer = setTimeout(resolve, delayMs)
  signal.addEventListener('abort', onAbort, { once: true })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  })
}

const FIRST_MS = 100
const LONGEST_MS = 5_000

/**
 * Repeats `work`, with growing pauses, for as long as it fails in a way that may pass. Rejects with any other failure, and with the signal's
 * reason when that is aborted.
 */
export async function untilDone<T>(work: () => Promise<T>, signal: AbortSignal, mayPass: (error: unknown) => boolean): Promise<T> {
  for (let delayMs = FIRST_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_MS)) {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      if (!mayPass(error)) throw error
    }
    await pause(delayMs, signal)
  }
}
