import type { Browser } from 'playwright'
import { launch } from './browser.ts'
import { connect, type TestClient } from './client.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import { type Entered, enter } from './people.ts'
import type { Postgres } from './postgres.ts'
import { startServer, type TestServer } from './server.ts'

/** A server, its model, and its owner on one connection. */
export type ServerStage = {
  readonly emulator: Emulator
  readonly server: TestServer
  readonly owner: Entered
  readonly wire: TestClient
  stop(): Promise<void>
}

/** The same, and a browser in which nothing is open yet. */
export type BrowserStage = ServerStage & { readonly browser: Browser }

export type StageOptions = {
  readonly emulator?: Parameters<typeof startEmulator>[0]
  /** The server's database instead of an embedded one; it ends with the stage. */
  readonly postgres?: Postgres
}

/** Whatever has started is ended again when something after it fails. */
export async function setServerStage(options: StageOptions = {}): Promise<ServerStage> {
  await using begun = new AsyncDisposableStack()
  const { postgres } = options
  if (postgres) begun.defer(() => postgres.stop())
  const emulator = begun.adopt(await startEmulator(options.emulator), (started) => started.stop())
  const model = { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url }
  const env = postgres ? { ...model, DATABASE_URL: postgres.url } : model
  const server = begun.adopt(await startServer({ env }), async (started) => void (await started.stop()))
  const owner = await enter(server)
  const wire = await connect(server, owner.cookie)
  const all = begun.move()
  return { emulator, server, owner, wire, stop: () => all.disposeAsync() }
}

/** As `setServerStage`; the browser starts meanwhile, and ends first. */
export async function setBrowserStage(options: StageOptions = {}): Promise<BrowserStage> {
  await using begun = new AsyncDisposableStack()
  const setting = setServerStage(options)
  begun.defer(() => setting.then((stage) => stage.stop(), nothingToEnd))
  const launching = launch()
  begun.defer(() => launching.then((browser) => browser.close(), nothingToEnd))
  const [stage, browser] = await Promise.all([setting, launching])
  const all = begun.move()
  return { ...stage, browser, stop: () => all.disposeAsync() }
}

const nothingToEnd = () => {}
