/** The database did not answer within the time that whoever asked can wait. What was asked may still be carried out. */
class Late extends Error {
  override readonly name = 'Late'
  /** By which it is known for a database that is away. */
  readonly code = 'ETIMEDOUT'
  constructor(limitMs: number) {
    super(`no answer within ${limitMs} ms`)
  }
}

/** What `work` comes to, or after `limitMs` a failure that `isUnavailable` knows. */
export async function inTime<T>(work: T | PromiseLike<T>, limitMs: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Late(limitMs)), limitMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
