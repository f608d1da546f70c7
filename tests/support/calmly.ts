import { ORPCError } from '@orpc/client'

/** A call that comes again when it is told to, as a well-behaved client does. */
export async function calmly<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof ORPCError) || error.code !== 'RATE_LIMITED') throw error
      // The server's own type of the data; whatever else it is, the wait is a number or none.
      const { retryAfterMs }: { retryAfterMs: number } = error.data
      await Bun.sleep(retryAfterMs)
    }
  }
}
