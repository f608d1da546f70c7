/*
 * `bun run bench [part …]`: what Confab adds to what it is built on. Everything is compared within one run, in turns, and only ratios and
 * differences of medians are worth quoting: machines are noisy and these figures are of this one.
 */
import { background } from './background.ts'
import { crowding } from './crowding.ts'
import { drop } from './drop.ts'
import { fanOut } from './fan-out.ts'
import { opening } from './opening.ts'
import { longOutage } from './outage.ts'
import { parsing } from './parsing.ts'
import { revocation } from './revocation.ts'
import { roomList } from './rooms.ts'
import { searching } from './search.ts'
import { streaming } from './streaming.ts'
import { typing } from './typing.ts'
import { writingAnswer } from './writing-answer.ts'

const parts: Record<string, () => string | Promise<string>> = {
  'fan-out': () => fanOut({ sockets: 1_000, chunksPerSecond: 50, seconds: 5, rounds: 3 }),
  streaming: () => streaming({ rounds: 10, chunks: 100, everyMs: 20 }),
  crowding: () => crowding({ readers: 100, stalled: 1_000, seconds: 4, rounds: 3 }),
  drop: () => drop({ clients: 20, chunksPerSecond: 100, seconds: 20 }),
  search: () => searching({ here: 50_000, there: 200_000, rounds: 30 }),
  typing: () => typing({ rounds: 3, keys: 60, messages: 2_000 }),
  rooms: () => roomList({ rooms: 10_000, rounds: 3 }),
  revocation: () => revocation({ rounds: 20 }),
  parsing: () => parsing({ tokens: [2_000, 8_000], rounds: 10 }),
  opening: () => opening({ messages: 10_000, rounds: 15 }),
  answer: () => writingAnswer({ tokens: 8_000, slowdown: 4, keys: 100 }),
  background: () => background({ rounds: 5 }),
  outage: () => longOutage({ seconds: 60, sends: 15 }),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in parts))
if (unknown.length > 0) {
  console.log(`There is no part ${unknown.join(', ')}: choose from ${Object.keys(parts).join(', ')}.`)
  process.exit(1)
}
for (const [name, measure] of Object.entries(parts)) if (wanted.length === 0 || wanted.includes(name)) console.log(await measure())
process.exit(0)
