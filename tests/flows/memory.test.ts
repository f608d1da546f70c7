import { afterAll, beforeAll, expect, test } from 'bun:test'
import { newId } from '#contract'
import { connect } from '../support/client.ts'
import { embeddedProcesses } from '../support/database.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

const PEAK_MB = 550
const STEADY_MB = 380
const ROOMS = 12
const PROMPTS = 8

let emulator: Emulator
let server: TestServer

beforeAll(async () => {
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url }, firstStart: true })
}, 60_000)

afterAll(async () => {
  await server.stop()
  await emulator.stop()
}, 30_000)

/** A figure of /proc/PID/status in megabytes: VmRSS is now, VmHWM the most ever. */
async function megabytes(pid: number, figure: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text()
  return Number(new RegExp(`${figure}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_024
}

async function together(figure: 'VmRSS' | 'VmHWM'): Promise<number> {
  const pids = [server.pid, ...(await embeddedProcesses(server.dataDir))]
  expect(pids.length).toBe(2)
  const all = await Promise.all(pids.map((pid) => megabytes(pid, figure)))
  return all.reduce((sum, one) => sum + one, 0)
}

test('server and embedded database together stay within what README promises', async () => {
  const first = await together('VmHWM')
  console.log(`peaks of a first start, added: ${first.toFixed(0)} MB`)
  expect(first).toBeLessThan(PEAK_MB)

  const { cookie } = await enter(server)
  const tabs = await Promise.all([1, 2, 3].map(() => connect(server, cookie)))
  const [writer] = tabs
  if (!writer) throw new Error('no tab')
  await Promise.all(
    Array.from({ length: ROOMS }, async () => {
      const id = newId()
      await writer.rpc.conversation.create({ id })
      for (const tab of tabs) await tab.join(id)
      for (let prompt = 0; prompt < PROMPTS; prompt++) {
        const replyId = newId()
        await writer.rpc.message.send({
          id: newId(),
          conversationId: id,
          text: '[[chunks=60 every=2 units=3000]]',
          kind: 'prompt',
          replyId,
        })
        await writer.hearEnd(replyId)
      }
    }),
  )
  const working = await together('VmRSS')
  console.log(`after ${ROOMS * PROMPTS} answers: ${working.toFixed(0)} MB; peaks, added: ${(await together('VmHWM')).toFixed(0)} MB`)
  expect(working).toBeLessThan(STEADY_MB)
  expect(await together('VmHWM')).toBeLessThan(PEAK_MB)
}, 120_000)
