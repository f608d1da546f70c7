import { existsSync } from 'node:fs'
import { adminSocketPath } from './access/admin-path.ts'
import { readConfig, StartError } from './config.ts'

const NOBODY =
  'No running Confab was found for this data directory. Start it with "bun start" (with the same DATA_DIR), then run "bun run link" again.'
const REFUSED = 'Confab is running, but could not make a link: its database does not answer. Try again when it does.'

/** `bun run link`: asks the running server for a new link to enter by, and prints it. */
async function link(): Promise<string> {
  const path = adminSocketPath(readConfig(process.env).dataDir)
  if (!existsSync(path)) throw new StartError(NOBODY)
  const answer = await fetch('http://confab/link', { method: 'POST', unix: path }).catch(() => {
    // A file without a server behind it is what a kill leaves.
    throw new StartError(NOBODY)
  })
  if (!answer.ok) throw new StartError(REFUSED)
  return answer.text()
}

try {
  console.log(await link())
} catch (error) {
  console.error(error instanceof StartError ? error.message : REFUSED)
  process.exit(1)
}
