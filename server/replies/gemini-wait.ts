import { ModelError } from './model.ts'

/** Waits for one request, one step at a time. */
export type Wait = {
  /** Ends the request: aborted when the caller's signal is, when a step takes too long, and by `close`. */
  readonly request: AbortSignal
  /** The steps from here on share `limitMs`. */
  allow(limitMs: number): void
  /** The step's result; rejects with the caller's reason, or with `silent` when the time that was allowed is over. */
  step<T>(work: Promise<T>): Promise<T>
  /** To be called in any case: ends the request if it is still running. */
  close(): void
}

/**
 * The SDK's own timeout is a deadline for a whole answer, and what an abort makes of its promises depends on the moment. Here the way
 * out depends on neither, and time counts only while somebody waits for the provider: a reader that is slow is not a silence.
 */
export function waitFor(signal: AbortSignal): Wait {
  const request = new AbortController()
  let limitMs = 0
  let leftMs = 0
  let giveUp: ((reason: unknown) => void) | null = null
  const end = (reason: unknown) => {
    giveUp?.(reason)
    request.abort()
  }
  const onAbort = () => end(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })

  return {
    request: request.signal,
    allow(allowedMs) {
      limitMs = allowedMs
      leftMs = allowedMs
    },
    step<T>(work: Promise<T>) {
      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const startedAt = performance.now()
      const timer = setTimeout(() => end(new ModelError({ code: 'silent', afterMs: limitMs })), leftMs)
      giveUp = reject
      work.then(resolve, reject)
      if (signal.aborted) end(signal.reason)
      return promise.finally(() => {
        clearTimeout(timer)
        giveUp = null
        leftMs = Math.max(0, leftMs - (performance.now() - startedAt))
      })
    },
    close() {
      signal.removeEventListener('abort', onAbort)
      request.abort()
    },
  }
}
