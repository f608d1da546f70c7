import { describeKills, killAndCheck } from './kill-cases.ts'

const KILLS = 10_000
/** Then comes the other database, with an empty data directory. */
const PER_RUN = 250
/** Of so many runs on each database one has a page in Chromium beside the other clients. */
const PAGE_EVERY = 4

/**
 * Kills for as long as it takes, by turns on both databases, and says after each run what came of it. Throws at the first broken promise, with
 * the seed of its run. `SEED` in the environment is that of the first run; those after it count on.
 */
export async function soakKills(kills = KILLS): Promise<void> {
  const first = Number(process.env.SEED ?? Date.now() % 1_000_000)
  for (let run = 0, done = 0; done < kills; run++) {
    const kind = run % 2 === 0 ? 'postgres' : 'embedded'
    const page = run % (PAGE_EVERY * 2) >= PAGE_EVERY * 2 - 2
    const seed = first + run
    console.log(`seed ${seed}, ${kind}${page ? ' with a page' : ''}`)
    const figures = await killAndCheck({ kind, kills: Math.min(PER_RUN, kills - done), seed, page })
    done += figures.kills
    console.log(`${done} of ${kills}: ${describeKills(figures)}`)
  }
}
