import { neonConfig, Pool } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-serverless'
import type { Log } from '../log.ts'
import { reason } from '../log.ts'
import type { Door } from './door.ts'
import * as schema from './schema.ts'

const CONNECTIONS = 10
const CONNECT_MS = 10_000

/**
 * Whether an address is spoken to with Neon's driver, over WebSocket. NEON_PROXY (`host:port/path` of a relay that speaks the same
 * protocol in the clear, as the tests have one) sends every address that way.
 */
export function isNeon(url: string): boolean {
  return /(?:^|\.)neon\.tech$/.test(new URL(url).hostname) || proxy() !== null
}

/** A Neon database: their driver's pool over WebSocket. */
export function openNeon(url: string, log: Log): Door {
  neonConfig.webSocketConstructor = WebSocket
  // By default each write waits for a timer, in the hope of another one to go with it: 1-2 ms a query for nothing.
  neonConfig.coalesceWrites = false
  const relay = proxy()
  if (relay !== null) {
    neonConfig.wsProxy = () => relay
    neonConfig.useSecureWebSocket = false
    neonConfig.pipelineTLS = false
    neonConfig.pipelineConnect = false
  }
  const pool = new Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: CONNECT_MS })
  // Without a listener the loss of an idle connection ends the process.
  pool.on('error', (error: unknown) => log.warn('database.connection-lost', { reason: reason(error) }))
  return {
    db: drizzle({ client: pool, schema, casing: 'snake_case' }),
    close: () => pool.end(),
  }
}

function proxy(): string | null {
  return process.env.NEON_PROXY?.trim() || null
}
