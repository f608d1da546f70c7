import { isAbsolute, resolve } from 'node:path'

/** A sentence for the person who starts the server; it ends the start with exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type Config = {
  readonly port: number
  readonly host: string
  readonly dataDir: string
  /** null: the embedded database in the data directory. */
  readonly databaseUrl: string | null
  readonly model: {
    /** null: the demo model. */
    readonly apiKey: string | null
    readonly name: string
    /** null: Google's own endpoint. */
    readonly baseUrl: string | null
  }
  /** How people reach this server, without a slash at the end; null: by host and port. */
  readonly publicUrl: string | null
  readonly trustProxy: boolean
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  /** Replies that are written at the same time, over all rooms. */
  readonly repliesAtOnce: number
  readonly logLevel: LogLevel
}

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const LONGEST_SHOWN = 12
const DEFAULT_MODEL = 'gemini-flash-latest'

/** Reads the settings. Throws a StartError that names the variable when a value makes no sense. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const read = (name: string, alias?: string) => env[name]?.trim() || (alias && env[alias]?.trim()) || null
  return {
    port: port(read('PORT') ?? '3000'),
    host: read('HOST') ?? '127.0.0.1',
    dataDir: absolute(read('DATA_DIR') ?? './data'),
    databaseUrl: databaseUrl(read('DATABASE_URL', 'PRIVATE_NEON_DATABASE_URL')),
    model: {
      apiKey: read('GEMINI_API_KEY', 'PRIVATE_GEMINI_API_KEY'),
      name: (read('GEMINI_MODEL') ?? DEFAULT_MODEL).replace(/^models\//, ''),
      baseUrl: webUrl('GEMINI_BASE_URL', read('GEMINI_BASE_URL')),
    },
    publicUrl: webUrl('PUBLIC_URL', read('PUBLIC_URL')),
    trustProxy: flag('TRUST_PROXY', read('TRUST_PROXY') ?? '0'),
    tls: tls(read('TLS_CERT'), read('TLS_KEY')),
    repliesAtOnce: places(read('REPLIES_AT_ONCE') ?? '50'),
    logLevel: level(read('LOG_LEVEL') ?? 'info'),
  }
}

function port(value: string): number {
  const number = Number(value)
  if (!/^\d{1,5}$/.test(value) || number > 65_535) {
    throw new StartError(
      `PORT is ${shown(value)}, but a port is a whole number from 0 to 65535. Set PORT to a free port, or remove it to use 3000.`,
    )
  }
  return number
}

function places(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) {
    throw new StartError(
      `REPLIES_AT_ONCE is ${shown(value)}, but it has to be a whole number from 1 to 9999. Correct it, or remove it to let 50 replies be written at once.`,
    )
  }
  return Number(value)
}

/** A wrong value, unless it is so long that it may be a secret which was put into the wrong variable. */
function shown(value: string): string {
  return value.length <= LONGEST_SHOWN ? `"${value}"` : 'something longer'
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : resolve(process.cwd(), path)
}

function databaseUrl(value: string | null): string | null {
  if (value === null) return null
  if (!URL.canParse(value) || !/^postgres(ql)?:$/.test(new URL(value).protocol)) {
    // The value itself is not repeated: it usually holds a password.
    throw new StartError(
      'DATABASE_URL is not an address of the form postgres://user:password@host/database. Correct it, or remove it to use the embedded database.',
    )
  }
  return value
}

function webUrl(name: string, value: string | null): string | null {
  if (value === null) return null
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    // Not repeated either: it may be the key of the line above it, or hold a password.
    throw new StartError(`${name} has to be a web address such as https://chat.example.org. Correct it or remove it.`)
  }
  return value.replace(/\/+$/, '')
}

function flag(name: string, value: string): boolean {
  switch (value.toLowerCase()) {
    case '0':
    case 'false':
    case 'no':
      return false
    case '1':
    case 'true':
    case 'yes':
      return true
  }
  throw new StartError(`${name} is ${shown(value)}, but it has to be 1 or 0.`)
}

function tls(certFile: string | null, keyFile: string | null): Config['tls'] {
  if (certFile === null && keyFile === null) return null
  if (certFile === null || keyFile === null) {
    throw new StartError('TLS_CERT and TLS_KEY belong together: set both to the paths of PEM files, or neither.')
  }
  return { certFile: absolute(certFile), keyFile: absolute(keyFile) }
}

function level(value: string): LogLevel {
  const found = LOG_LEVELS.find((candidate) => candidate === value.toLowerCase())
  if (!found) throw new StartError(`LOG_LEVEL is ${shown(value)}, but it has to be one of ${LOG_LEVELS.join(', ')}.`)
  return found
}
