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

/** Repeats `work` until it succeeds, with growing pauses. Rejects only when the signal is aborted. */
export async function untilDone<T>(work: () => Promise<T>, signal: AbortSignal, onFailure: (error: unknown) => void): Promise<T> {
  for (let delayMs = FIRST_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_MS)) {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      onFailure(error)
    }
    await pause(delayMs, signal)
  }
}
