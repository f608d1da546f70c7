import { neonConfig, Pool, type PoolClient } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-serverless'
import type { Log } from '../log.ts'
import { reason } from '../log.ts'
import type { Door } from './door.ts'
import * as schema from './schema.ts'
import { isUnavailable } from './sql-state.ts'

const CONNECTIONS = 10
const CONNECT_MS = 10_000
const CLOSE_MS = 3000
/** A connection that died without a word is given up after this long. No statement of ours takes a tenth of it. */
const SILENT_MS = 10_000

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
  // Without a listener the loss of a connection ends the process: the pool has to have one for its idle connections, each connection
  // one for when it is lost between two statements of a transaction.
  const lost = (error: unknown) => log.warn('database.connection-lost', { reason: reason(error) })
  const open = (max: number, limit: { query_timeout?: number }) => {
    const opened = new Pool({ connectionString: url, max, connectionTimeoutMillis: CONNECT_MS, ...limit })
    opened.on('error', lost)
    opened.on('connect', (client: PoolClient) => client.on('error', lost))
    return opened
  }
  const pool = open(CONNECTIONS, { query_timeout: SILENT_MS })
  // A migration may take its time.
  const patient = open(1, {})
  let source = patient
  const db = drizzle({ client: pool, schema, casing: 'snake_case' })
  // drizzle's own never gives a connection back to the pool that breaks at BEGIN: ten of those, and every query waits.
  const transaction: typeof db.transaction = async (run, config) => {
    const client = await source.connect()
    let broken = false
    try {
      return await drizzle({ client, schema, casing: 'snake_case' }).transaction(run, config)
    } catch (error) {
      broken = isUnavailable(error)
      throw error
    } finally {
      client.release(broken)
      // The pool forgets to look for who waits when it drops a connection; a connection that is made and given back reminds it.
      if (broken && pool.waitingCount > 0) void pool.connect().then((next) => next.release(), lost)
    }
  }
  return {
    db: Object.assign(db, { transaction }),
    migrated() {
      source = pool
      end(patient).catch(lost)
    },
    close: () => Promise.all([end(pool), source === patient ? end(patient) : null]).then(() => {}),
  }
}

/** Ends the pool; a connection that is still in use after a while is left to the end of the process. */
async function end(pool: Pool): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, CLOSE_MS)
  await Promise.race([pool.end(), late.promise]).finally(() => clearTimeout(timer))
}

function proxy(): string | null {
  return process.env.NEON_PROXY?.trim() || null
}
