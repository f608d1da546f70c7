import { ORPCError } from '@orpc/client'
import type { TestClient } from './client.ts'

/** By one socket. With more, so many would be refused while they wait that the server closes it. */
const AT_ONCE = 5

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

/** A call for each, shared out among several sockets. */
export async function eachCalmly<T>(
  wires: readonly TestClient[],
  values: Iterable<T>,
  call: (wire: TestClient, value: T) => Promise<unknown>,
): Promise<void> {
  const left = values[Symbol.iterator]()
  await Promise.all(
    wires.flatMap((wire) =>
      Array.from({ length: AT_ONCE }, async () => {
        for (let next = left.next(); next.done !== true; next = left.next()) {
          const { value } = next
          await calmly(() => call(wire, value))
        }
      }),
    ),
  )
}
