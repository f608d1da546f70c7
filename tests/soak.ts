import { soakKills } from './flows/kill-soak.ts'
import { soakModel } from './model/soak.ts'

/* `bun run test:soak [WHAT [how much]]`: what the tests do in minutes, for hours; all of it, or one. Ends with code 1 at the first broken promise. */

const SOAKS: Readonly<Record<string, (count?: number) => Promise<void>>> = { model: soakModel, kills: soakKills }

const [what, count] = process.argv.slice(2)
const soaks = what === undefined ? Object.values(SOAKS) : [SOAKS[what]]
try {
  for (const soak of soaks) {
    if (!soak) throw new Error(`bun run test:soak ${Object.keys(SOAKS).join(' | ')} [how much]`)
    await soak(count === undefined ? undefined : Number(count))
  }
  process.exit(0)
} catch (error) {
  console.log(error)
  process.exit(1)
}
