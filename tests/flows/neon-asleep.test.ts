import { expect, test } from 'bun:test'
import { newId } from '#contract'
import { startChaosProxy } from '../support/chaos-proxy.ts'
import { connect } from '../support/client.ts'
import { startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { startNeonRelay } from '../support/neon-relay.ts'
import { enter } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'

/** From a new connection's first byte to the first answer, while the database wakes up; then each way. */
const WAKING_MS = 5_500
const SLOW_MS = 100
const SENDS = 6

test('a Neon database that has gone to sleep and is slow when it wakes: everything is taken once, and asked once', async () => {
  await using stack = new AsyncDisposableStack()
  const postgres = await startPostgres()
  stack.defer(() => postgres.stop())
  const relay = startNeonRelay(postgres)
  stack.defer(() => relay.stop())
  const network = await startChaosProxy({ port: Number(relay.proxy.split(':')[1]?.split('/')[0]) })
  stack.defer(() => network.stop())
  const emulator = await startEmulator()
  stack.defer(() => emulator.stop())
  const env = { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url }
  const server = await startServer({ env: { ...env, NEON_PROXY: `127.0.0.1:${network.port}/v1` } })
  stack.defer(async () => expect(await server.stop()).toBe(0))
  const { cookie } = await enter(server)
  const ada = await connect(server, cookie)
  const reader = await connect(server, cookie)
  const conversationId = newId()
  await ada.rpc.conversation.create({ id: conversationId })
  await reader.join(conversationId)

  const waking = new Set<Timer>()
  stack.defer(() => waking.forEach(clearTimeout))
  network.onConnection = (connection) => {
    connection.set({ kind: 'delay', ms: WAKING_MS })
    // What was said by then keeps its time; whatever comes after it is only slow.
    waking.add(setTimeout(() => connection.set({ kind: 'delay', ms: SLOW_MS }), 500))
  }
  // Going to sleep, it ends its connections.
  network.cutAll()
  const start = performance.now()
  const inputs = Array.from({ length: SENDS }, (_, index) => ({
    id: newId(),
    conversationId,
    text: `[[chunks=3 every=5]] ${index} ${newId()}`,
    kind: index % 2 === 0 ? ('prompt' as const) : ('note' as const),
    replyId: newId(),
  }))
  const refusals: unknown[] = []
  const sendUntilTaken = (input: (typeof inputs)[number]) =>
    eventually(
      () =>
        ada.rpc.message.send(input).then(
          () => true,
          (error: { code: string }) => void refusals.push(error.code),
        ),
      30_000,
    )
  await Promise.all(inputs.map(sendUntilTaken))
  const tookMs = performance.now() - start
  expect(tookMs).toBeGreaterThan(WAKING_MS)
  for (const code of refusals) expect(code).toBe('UNAVAILABLE')
  console.log(`${SENDS} sends taken ${Math.round(tookMs)} ms after the database had gone to sleep, ${refusals.length} of them repeated`)
  const prompts = inputs.filter(({ kind }) => kind === 'prompt')
  for (const { replyId } of prompts) expect((await reader.hearEnd(replyId)).row.state).toBe('complete')
  const { messages } = await ada.rpc.conversation.pull({ id: conversationId, since: 0, limit: 50 })
  for (const { id, text } of inputs) expect(messages.filter((row) => row.id === id || row.text === text)).toHaveLength(1)
  expect(messages).toHaveLength(SENDS + prompts.length)
  for (const { text } of prompts) expect(emulator.requests.filter(({ prompt }) => prompt === text)).toHaveLength(1)
}, 120_000)
