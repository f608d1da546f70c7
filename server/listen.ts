import type { createApp } from './app.ts'
import { type Config, StartError } from './config.ts'
import { reason } from './log.ts'
import type { Reader } from './rooms/readers.ts'
import type { Connection } from './rooms/sockets.ts'

/** Listens, or throws a StartError that says why it cannot. */
export function listen(config: Config, app: ReturnType<typeof createApp>, websocket: Bun.WebSocketHandler<Connection | Reader>) {
  const { host, port, tls } = config
  try {
    app.listen({
      port,
      hostname: host,
      websocket,
      ...(tls ? { tls: { cert: Bun.file(tls.certFile), key: Bun.file(tls.keyFile) } } : {}),
    })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EADDRINUSE')
      throw new StartError(`Port ${port} on ${host} is taken by another program. Stop that program, or set PORT to a free port.`)
    if (code === 'EACCES') throw new StartError(`This user may not listen on port ${port}. Set PORT to a number above 1023.`)
    throw new StartError(`The server cannot listen on ${host}, port ${port}: ${reason(error)}. Check HOST, PORT, TLS_CERT and TLS_KEY.`)
  }
  if (!app.server) throw new StartError(`The server cannot listen on ${host}, port ${port}.`)
  return app.server
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** Where the server is reached from the machine that it runs on. */
export function address({ host, tls }: Config, port: number): string {
  const name = host === '0.0.0.0' || host === '::' || isLoopback(host) ? 'localhost' : host
  return `${tls ? 'https' : 'http'}://${name.includes(':') ? `[${name}]` : name}:${port}`
}
