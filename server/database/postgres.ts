import { SQL } from 'bun'
import { drizzle } from 'drizzle-orm/bun-sql'
import type { Log } from '../log.ts'
import type { Door } from './door.ts'
import * as schema from './schema.ts'
import { endSilence } from './silence.ts'

const CONNECTIONS = 10
const CONNECT_S = 10
const CLOSE_S = 3
/** No statement of ours takes a tenth of it; the longest is a search for two words in a row, a fifth of a second when each of 80,000 messages has them. */
const SILENT_MS = 10_000
/** A migration may have to rewrite a table. */
const SILENT_MIGRATION_MS = 60 * 60 * 1000

/** PostgreSQL by address, through Bun's own client. */
export function openPostgres(url: string, log: Log): Door {
  let silentMs = SILENT_MIGRATION_MS
  const client = endSilence(
    () => new SQL(url, { adapter: 'postgres', max: CONNECTIONS, connectionTimeout: CONNECT_S }),
    () => silentMs,
    () => log.warn('database.silent', { afterMs: silentMs }),
  )
  return { ...bunDoor(client), migrated: () => void (silentMs = SILENT_MS) }
}

/** The door over a client of Bun's, whatever it is connected to. */
export function bunDoor(client: SQL): Door {
  return {
    db: drizzle({ client, schema, casing: 'snake_case' }),
    close: () => client.close({ timeout: CLOSE_S }),
  }
}
