import { StartError } from '../config.ts'
import { deepest } from '../log.ts'
import { isUnavailable, sqlState } from './sql-state.ts'

const LOGIN = ['refused the login', 'Correct the user and password in DATABASE_URL.'] as const
const FULL = ['cannot be written', 'Make room, or use a database that takes writes.'] as const

/** By SQLSTATE: what the database did, and what a person can do about it. */
const ADVICE: Record<string, readonly [string, string]> = {
  '28000': LOGIN,
  '28P01': LOGIN,
  '3D000': ['does not have the database that DATABASE_URL names', 'Create it, or correct DATABASE_URL.'],
  '42501': ['does not let this user create tables', 'Grant it CREATE on the database and its public schema.'],
  '55P03': ['is being brought up to date by another server, for a minute already', 'Start again when that is done.'],
  '25006': FULL,
  '53100': FULL,
}

/** What a person who starts the server is told when the database could not be reached or prepared. Never holds the password. */
export function startFailure(error: unknown, url: string | null): StartError {
  if (error instanceof StartError) return error
  const place = url === null ? 'embedded database' : `database at ${new URL(url).host}`
  const state = sqlState(error)
  const detail = messageOf(deepest(error))
  const known = state === null ? undefined : ADVICE[state]
  if (known !== undefined) return new StartError(`The ${place} ${known[0]} (${detail}). ${known[1]}`)
  if (isUnavailable(error)) {
    const advice = url === null ? 'Start again.' : 'Check that it runs and that DATABASE_URL is right.'
    return new StartError(`The ${place} cannot be reached (${detail}). ${advice}`)
  }
  return new StartError(`The ${place} could not be brought up to date (${detail}). Nothing was changed in it.`)
}

/** An error's message, in one line and of bounded length. */
export function messageOf(error: unknown): string {
  // Not every one is an Error: a WebSocket that cannot be opened fails with an event.
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : ''
  return message.replace(/\s+/g, ' ').trim().slice(0, 300) || 'no reason given'
}
