import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final zero included.
const LONGEST = 100

/** Where the admin socket of a data directory is: in it, or under the temporary directory when its path is too long for a socket. */
export function adminSocketPath(dataDir: string): string {
  const path = join(dataDir, 'admin.sock')
  if (Buffer.byteLength(path) <= LONGEST) return path
  return join(tmpdir(), `confab-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.sock`)
}
