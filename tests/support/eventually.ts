const PAUSE_MS = 20

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

/**
 * Asks again and again until the answer is truthy, and returns that answer. When `timeoutMs` have passed it throws what the last attempt threw,
 * or says that the condition never came true.
 */
export async function eventually<T>(ask: () => T | Promise<T>, timeoutMs = 10_000): Promise<Truthy<T>> {
  const until = performance.now() + timeoutMs
  let failure: Error | null = null
  do {
    try {
      const answer = await ask()
      if (isTruthy(answer)) return answer
      failure = null
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    await Bun.sleep(PAUSE_MS)
  } while (performance.now() < until)
  throw failure ?? new Error(`The condition did not come true within ${timeoutMs} ms: ${ask.toString().slice(0, 200)}`)
}

function isTruthy<T>(value: T): value is Truthy<T> {
  return Boolean(value)
}

/** The promise's value, or an error that says what was waited for when it does not come in time. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} did not come within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What a caught value has to say. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
