import { SQL } from 'bun'
import { newId } from '#contract'
import type { ChaosProxy } from '../support/chaos-proxy.ts'
import { connect } from '../support/client.ts'
import { startEmulator } from '../support/emulator.ts'
import { random } from '../support/emulator-text.ts'
import { enter, introduce } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { openProxiedTab, type ProxiedTab, sendCookies } from '../support/proxied-tab.ts'
import { startServer } from '../support/server.ts'
import { createLocks } from '../support/tab.ts'

export type DropOptions = { readonly clients: number; readonly chunksPerSecond: number; readonly seconds: number }

type ConfabClients = {
  readonly networks: readonly ChaosProxy[]
  /** Asks for an answer, and resolves with its text when it is over. */
  stream(prompt: string): Promise<string>
  /** What each client shows of it. */
  texts(): Promise<string>[]
  stop(): Promise<void>
}

/** The whole product: a room with so many people in it, each with the real client and rows of their own. */
export async function startConfabClients({ clients, seconds }: DropOptions): Promise<ConfabClients> {
  const undo = sendCookies()
  const emulator = await startEmulator()
  const postgres = await startPostgres()
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url } })
  const owner = await enter(server)
  const writer = await connect(server, owner.cookie)
  const conversationId = newId()
  const replyId = newId()
  await writer.rpc.conversation.create({ id: conversationId })
  await writer.join(conversationId)
  const sql = new SQL(postgres.url, { max: 1 })
  const tabs: ProxiedTab[] = []
  for (let index = 0; index < clients; index++) {
    const { person, cookie } = await introduce(postgres.url, owner, `Person ${index}`)
    await sql`insert into member (conversation_id, person_id, role, changed) values (${conversationId}, ${person.id}, 'viewer', pg_current_xact_id())`
    const tab = await openProxiedTab({ server, person, cookie, locks: createLocks().locks, random: random(index) })
    tab.goTo(conversationId)
    tabs.push(tab)
  }
  await sql.close()
  return {
    networks: tabs.map(({ network }) => network),
    async stream(prompt) {
      await writer.rpc.message.send({ id: newId(), conversationId, text: prompt, kind: 'prompt', replyId })
      return (await writer.hearEnd(replyId, seconds * 3_000)).text
    },
    texts: () => tabs.map(async ({ store }) => (await store.db.messages.get(replyId))?.text ?? ''),
    async stop() {
      await Promise.all(tabs.map((tab) => tab.stop()))
      undo()
      await server.stop()
      await emulator.stop()
      await postgres.stop()
    },
  }
}
