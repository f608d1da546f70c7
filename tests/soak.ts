import { soakKills } from './flows/kill-soak.ts'

/* `bun run test:soak WHAT [how much]`: what the tests do in minutes, for hours. Ends with code 1 at the first broken promise. */

const SOAKS: Readonly<Record<string, (count?: number) => Promise<void>>> = { kills: soakKills }

const [what = '', count] = process.argv.slice(2)
const soak = SOAKS[what]
if (!soak) {
  console.log(`bun run test:soak ${Object.keys(SOAKS).join(' | ')} [how much]`)
  process.exit(1)
}
try {
  await soak(count === undefined ? undefined : Number(count))
  process.exit(0)
} catch (error) {
  console.log(error)
  process.exit(1)
}
