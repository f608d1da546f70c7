import { SQL } from 'bun'
import { drizzle } from 'drizzle-orm/bun-sql'
import type { Door } from './door.ts'
import * as schema from './schema.ts'

const CONNECTIONS = 10
const CONNECT_S = 10
const CLOSE_S = 3

/** PostgreSQL by address, through Bun's own client. */
export function openPostgres(url: string): Door {
  return bunDoor(new SQL(url, { adapter: 'postgres', max: CONNECTIONS, connectionTimeout: CONNECT_S }))
}

/** The door over a client of Bun's, whatever it is connected to. */
export function bunDoor(client: SQL): Door {
  return {
    db: drizzle({ client, schema, casing: 'snake_case' }),
    close: () => client.close({ timeout: CLOSE_S }),
  }
}
