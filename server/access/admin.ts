import { unlinkSync } from 'node:fs'
import { adminSocketPath } from './admin-path.ts'

/**
 * A door for whoever may read the data directory, and for nobody else: a Unix socket of mode 0600 over which `bun run link` asks the running
 * server for a new link. The embedded database cannot be opened twice, so the command has to ask. Returns its stop.
 */
export function openAdminSocket(dataDir: string, makeLink: () => Promise<string>): () => Promise<void> {
  const path = adminSocketPath(dataDir)
  // The data directory's lock is held, so a socket file found here belongs to a server that was killed.
  remove(path)
  const before = process.umask(0o177)
  const server = Bun.serve({
    unix: path,
    async fetch(request) {
      if (request.method !== 'POST' || new URL(request.url).pathname !== '/link') return new Response(null, { status: 404 })
      return makeLink().then(
        (link) => new Response(link),
        () => new Response(null, { status: 503 }),
      )
    },
  })
  process.umask(before)
  return async () => {
    await server.stop(true)
    remove(path)
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It was not there.
  }
}
