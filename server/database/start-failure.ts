import { StartError } from '../config.ts'
import { reason } from '../log.ts'
import { isUnavailable, sqlState } from './sql-state.ts'

/** What a person who starts the server is told when the database could not be reached or prepared. Never holds the password. */
export function startFailure(error: unknown, url: string | null): StartError {
  if (error instanceof StartError) return error
  const place = url === null ? 'embedded database' : `database at ${new URL(url).host}`
  const state = sqlState(error)
  const detail = reason(deepest(error))
  switch (state) {
    case '28000':
    case '28P01':
      return new StartError(`The ${place} refused the login (${detail}). Correct the user and password in DATABASE_URL.`)
    case '3D000':
      return new StartError(`The ${place} does not have the database that DATABASE_URL names (${detail}). Create it, or correct DATABASE_URL.`)
    case '42501':
      return new StartError(`The ${place} does not let this user create tables (${detail}). Grant it CREATE on the database and its public schema.`)
    case '55P03':
      return new StartError(`Another server has been bringing the ${place} up to date for a minute. Start again when it is done.`)
  }
  if (isUnavailable(error)) return new StartError(`The ${place} cannot be reached (${detail}). Check that it runs and that DATABASE_URL is right.`)
  return new StartError(`The ${place} could not be brought up to date (${detail}). Nothing was changed in it.`)
}

/** The driver's own error: drizzle's around it repeats the query and its parameters. */
function deepest(error: unknown): unknown {
  let current = error
  for (let depth = 0; depth < 10 && current instanceof Error && current.cause !== undefined; depth++) current = current.cause
  return current
}
