export const UNIQUE_VIOLATION = '23505'

/**
 * Connections that are gone or cannot be made: 08*, a server that stops, starts or is full, one that cannot write (replica, disk full), and what
 * the database itself gave up: a statement over a limit of the operator's, a lock that did not come, a deadlock, a transaction to be repeated.
 */
const UNAVAILABLE_STATE = /^(?:08...|57P0[1-5]|53[0-3]00|25006|57014|55P03|40P01|40001)$/
const UNAVAILABLE_CODE =
  /^(?:ERR_POSTGRES_(?:CONNECTION_\w+|IDLE_TIMEOUT|LIFETIME_TIMEOUT)|ECONN\w+|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOTCONN|ERR_SOCKET_CLOSED)$/
// The Neon driver has no codes for these.
const UNAVAILABLE_MESSAGE =
  /^(?:Connection terminated|Connection timeout|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|WebSocket )/

/** The SQLSTATE of a failed query, such as '23505' for a unique violation; null when the failure did not come from the database. */
export function sqlState(error: unknown): string | null {
  for (const { code, errno } of causes(error)) {
    // bun-sql keeps the state in `errno` and a name of its own in `code`; the other drivers have it in `code`.
    for (const value of [errno, code]) {
      if (typeof value === 'string' && /^[0-9A-Z]{5}$/.test(value) && /\d/.test(value)) return value
    }
  }
  return null
}

/** Whether a failed query may succeed later without any change: the database was not there, or could not write. Nothing is known about its effect. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== null) return UNAVAILABLE_STATE.test(state)
  return causes(error).some(
    ({ code, message, type }) =>
      (typeof code === 'string' && UNAVAILABLE_CODE.test(code)) ||
      (typeof message === 'string' && UNAVAILABLE_MESSAGE.test(message)) ||
      // What the Neon driver throws when its WebSocket cannot be opened is the event itself.
      (type === 'error' && typeof Event === 'function' && error instanceof Event),
  )
}

type Cause = { readonly code?: unknown; readonly errno?: unknown; readonly message?: unknown; readonly type?: unknown }

/** The error, what caused it, and so on: drizzle wraps the driver's error, and a connection tried on several addresses fails with several. */
function causes(error: unknown): Cause[] {
  const found: Cause[] = []
  const open = [error]
  while (open.length > 0 && found.length < 20) {
    const next = open.shift()
    if (typeof next !== 'object' || next === null || found.includes(next)) continue
    found.push(next)
    if ('cause' in next) open.push(next.cause)
    if (next instanceof AggregateError) open.push(...next.errors)
  }
  return found
}
