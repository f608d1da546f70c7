/*
 * `bun run bench`: what Confab adds to what it is built on. Everything is compared within one run, in turns, and only ratios and
 * differences of medians are worth quoting: machines are noisy and these figures are of this one.
 */
import { crowding } from './crowding.ts'
import { drop } from './drop.ts'
import { fanOut } from './fan-out.ts'
import { streaming } from './streaming.ts'

console.log(await fanOut({ sockets: 1_000, chunksPerSecond: 50, seconds: 5, rounds: 3 }))
console.log(await streaming({ rounds: 10, chunks: 100, everyMs: 20 }))
console.log(await crowding({ readers: 100, stalled: 1_000, seconds: 4, rounds: 3 }))
console.log(await drop({ clients: 20, chunksPerSecond: 100, seconds: 20 }))
process.exit(0)
