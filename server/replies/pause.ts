/** Waits, or rejects with the signal's reason as soon as it is aborted. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, delayMs)
  return unlessAborted(promise, signal).finally(() => clearTimeout(timer))
}

/** What `work` comes to, or a rejection with the signal's reason as soon as that is aborted; then nobody waits for the work any more. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
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
