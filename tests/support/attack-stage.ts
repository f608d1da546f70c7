import { expect } from 'bun:test'
import type { Page } from 'playwright'
import { type AttackWatch, watchAttacks } from './attack-watch.ts'
import { signIn } from './browser.ts'
import { type ServerStage, setServerStage } from './browser-stage.ts'
import { connect, type TestClient } from './client.ts'
import { shareRoom } from './people.ts'
import { articles, createRoom, online, openRoom } from './room-page.ts'

/** Sockets of the owner: one alone may not ask for much. */
const SOCKETS = 6

/** A server, its model, its owner, and a browser that notices what attacks bring about. */
export type Stage = ServerStage & {
  /** Of the owner; the first one is `wire`. */
  readonly wires: readonly TestClient[]
  readonly watch: AttackWatch
  /** The app, as the owner, and a page that is shared. */
  readonly app: Page
  readonly reader: Page
  /** A new room in the app, and shared in the other page; the address there. */
  openBoth(title: string): Promise<{ id: string; url: string }>
  /** Looks at a shared page as the server prints it, for a reader without scripts. */
  withoutScripts(url: string, messages: number): Promise<void>
}

export async function setStage(): Promise<Stage> {
  await using begun = new AsyncDisposableStack()
  const stage = begun.adopt(await setServerStage(), (set) => set.stop())
  const { server, wire } = stage
  const { cookie } = stage.owner
  const wires = [wire, ...(await Promise.all(Array.from({ length: SOCKETS - 1 }, () => connect(server, cookie))))]
  const watch = begun.adopt(await watchAttacks(server), async (started) => void (await started.close()))
  await signIn(watch.context, server, cookie)
  const app = await watch.open()
  const reader = await watch.open()
  const all = begun.move()
  return {
    ...stage,
    wires,
    watch,
    app,
    reader,
    async openBoth(title) {
      const id = await createRoom(wire, title)
      await wire.join(id)
      const { token } = await shareRoom(wire, id)
      const url = `${server.url}/s/${token}`
      await openRoom(app, server, id)
      await reader.goto(url)
      await online(reader)
      return { id, url }
    },
    async withoutScripts(url, messages) {
      const page = await watch.open()
      const devtools = await watch.context.newCDPSession(page)
      await devtools.send('Emulation.setScriptExecutionDisabled', { value: true })
      await page.goto(url)
      expect(await articles(page).count()).toBe(messages)
      await watch.audit(page)
      await page.close()
    },
    stop: () => all.disposeAsync(),
  }
}

/** The seed of this run's attacks: the one that was given, or always the same. */
export function seed(): number {
  const given = Number(process.env['SEED'] ?? 1)
  console.log(`SEED=${given} gives the same attacks again`)
  return given
}
