import type { LogLevel } from './config.ts'

/** One JSON line on standard error for every event. Never a message's text, a token, a key or a cookie. */
export type Log = Record<LogLevel, (event: string, data?: Record<string, string | number | boolean | null>) => void>

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export function createLog(least: LogLevel): Log {
  const at =
    (level: LogLevel): Log[LogLevel] =>
    (event, data) => {
      if (ORDER[level] < ORDER[least]) return
      process.stderr.write(JSON.stringify({ time: new Date().toISOString(), level, event, ...data }) + '\n')
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** What a log line may say of a failure: the kind and message of what caused it. */
export function reason(error: unknown): string {
  const cause = deepest(error)
  return cause instanceof Error ? `${cause.name}: ${cause.message.slice(0, 300)}` : 'unknown'
}

/** The first cause: drizzle's error around a driver's repeats the query with its parameters, which are names, texts and hashes of secrets. */
export function deepest(error: unknown): unknown {
  let current = error
  for (let depth = 0; depth < 10 && current instanceof Error && current.cause !== undefined; depth++) current = current.cause
  return current
}
