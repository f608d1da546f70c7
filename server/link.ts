import { existsSync } from 'node:fs'
import { adminSocketPath } from './access/admin-path.ts'
import { readConfig } from './config.ts'

/** `bun run link`: asks the running server for a new link to enter by, and prints it. */
const path = adminSocketPath(readConfig(process.env).dataDir)
try {
  if (!existsSync(path)) throw new Error('no socket')
  const answer = await fetch('http://confab/link', { method: 'POST', unix: path })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  console.log(await answer.text())
} catch {
  console.error(
    'No running Confab was found for this data directory. Start it with "bun start" (with the same DATA_DIR), then run "bun run link" again.',
  )
  process.exit(1)
}
