import { newId } from '#contract'
import { StartError } from '../../server/config.ts'
import { openDatabase } from '../../server/database/open.ts'
import { person } from '../../server/database/schema.ts'
import { createLog } from '../../server/log.ts'

/*
 * A process that has a database open: `bun database-process.ts DATA_DIR [URL]`. Prints `open`, then the id of every row that it was
 * acknowledged; closes and ends when its standard input does. A start that is refused prints `refused: …`.
 */

const [dataDir = '', url = null] = process.argv.slice(2)
try {
  const database = await openDatabase({ url, dataDir, log: createLog('error') })
  process.stdout.write('open\n')
  let ended = false
  process.stdin.on('end', () => (ended = true)).resume()
  while (!ended) {
    const id = newId()
    await database.db.insert(person).values({ id, name: 'Mara', kind: 'member' })
    process.stdout.write(`${id}\n`)
  }
  await database.close()
  process.exit(0)
} catch (error) {
  process.stdout.write(`refused: ${error instanceof StartError ? error.message : `not a StartError: ${String(error)}`}\n`)
  process.exit(1)
}
