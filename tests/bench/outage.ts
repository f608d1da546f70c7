import { outage } from '../flows/outage-cases.ts'
import { startEmulator } from '../support/emulator.ts'
import { enter } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'

/** A minute without a database, as one of the tests has it for a few seconds: throws when anything is lost, twice or out of its order. */
export async function longOutage(options: { seconds: number; sends: number }): Promise<string> {
  const emulator = await startEmulator()
  const postgres = await startPostgres()
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url } })
  try {
    const tookMs = await outage(
      { server, ada: await enter(server), emulator },
      {
        awayMs: options.seconds * 1_000,
        sends: options.sends,
        begin: () => postgres.signal('SIGSTOP'),
        end: () => postgres.signal('SIGCONT'),
      },
    )
    return `Outage: ${options.seconds} s without a database, ${options.sends} prompts written meanwhile, all answered ${Math.round(tookMs)} ms after its return`
  } finally {
    postgres.signal('SIGCONT')
    await server.stop()
    await emulator.stop()
    await postgres.stop()
  }
}
