import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StartError } from '../config.ts'

// sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final zero included.
const LONGEST = 100

/**
 * Where the admin socket of a data directory is: in it, or, when its path is too long for a socket, in a folder of this user's under the
 * temporary directory. Throws a StartError when somebody else has made that folder: whoever owns it could answer in the server's place.
 */
export function adminSocketPath(dataDir: string): string {
  const path = join(dataDir, 'admin.sock')
  if (Buffer.byteLength(path) <= LONGEST) return path
  const user = process.getuid?.() ?? 0
  const folder = join(tmpdir(), `confab-${user}-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const made = lstatSync(folder)
  if (!made.isDirectory() || made.uid !== user || (made.mode & 0o077) !== 0) {
    throw new StartError(`The folder ${folder} belongs to somebody else. Remove it, or set DATA_DIR to a shorter path.`)
  }
  return join(folder, 'admin.sock')
}
