import { LIMITS, newId, WIRE } from '#contract'
import { connect } from '../support/client.ts'
import { enter } from '../support/people.ts'
import { startServer } from '../support/server.ts'
import { cpuMs, quantile } from './figures.ts'
import { startHelper } from './processes.ts'

type Options = { readonly sockets: number; readonly chunksPerSecond: number; readonly seconds: number; readonly rounds: number }
type Figures = { readonly cpuUs: number; readonly p50: number; readonly p99: number; readonly delivered: number }
type Load = { port: number; path: string; headers: Record<string, string>; count: number; hello: string | null }

/** Units of one chunk; a stamp is a part of it. */
const CHUNK_UNITS = 80
const STAMP_UNITS = 19

/**
 * One reply to many sockets of one room: the whole product (model over HTTP, journal, room) against bare `Bun.serve` and `publish`.
 * CPU is that of the server process, in microseconds for each frame that arrived; delays are from the emulator's (or the bare server's) stamp.
 */
export async function fanOut(options: Options): Promise<string> {
  const chunks = options.chunksPerSecond * options.seconds
  const everyMs = 1_000 / options.chunksPerSecond
  const emulator = startHelper('support/emulator-command.ts', [], { PORT: '0' })
  const [, upstream = ''] = await emulator.line(/ready at (\S+)/)
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: upstream } })
  const bare = startHelper('bench/bare.ts')
  const [, barePort = '0'] = await bare.line(/"port":(\d+)/)
  try {
    const { cookie } = await enter(server)
    const writer = await connect(server, cookie)
    const product: Figures[] = []
    const limit: Figures[] = []
    for (let round = 0; round < options.rounds; round++) {
      const toBare: Load = { port: Number(barePort), path: '/', headers: {}, count: options.sockets, hello: null }
      limit.push(
        await measure(bare.pid, toBare, async () => {
          bare.write(`${chunks} ${everyMs} ${CHUNK_UNITS}\n`)
          await bare.line(/done/)
        }),
      )
      const conversationId = newId()
      await writer.rpc.conversation.create({ id: conversationId })
      const join = { i: '1', p: { u: '/conversation/join', b: { json: { id: conversationId, since: 0, limit: LIMITS.pageRows } } } }
      const headers = { cookie, origin: server.url, host: new URL(server.url).host }
      const toServer: Load = { port: server.port, path: `/rpc?wire=${WIRE}`, headers, count: options.sockets, hello: JSON.stringify(join) }
      const text = `[[stamped chunks=${chunks} every=${everyMs} units=${chunks * (CHUNK_UNITS - STAMP_UNITS)}]] ${conversationId}`
      product.push(
        await measure(server.pid, toServer, async () => {
          await writer.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId: newId() })
          const ended = (frame: (typeof writer.frames)[number]) =>
            frame[0] === 'conversation' && frame[1].id === conversationId && frame[1].last?.name === 'Gemini' && !frame[1].runningId
          await writer.hear(ended, options.seconds * 4_000)
        }),
      )
    }
    return report(options, product, limit)
  } finally {
    await server.stop()
    await emulator.kill()
    await bare.kill()
  }
}

async function measure(pid: number, load: Load, drive: () => Promise<void>): Promise<Figures> {
  const clients = startHelper('bench/load.ts', [JSON.stringify(load)])
  await clients.line(/"ready":true/)
  const before = await cpuMs(pid)
  await drive()
  clients.finish()
  const [line] = await clients.line(/^\{"frames".*/)
  const after = await cpuMs(pid)
  const { frames, delays }: { frames: number; delays: number[] } = JSON.parse(line)
  return { cpuUs: ((after - before) * 1_000) / frames, p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), delivered: frames }
}

function report({ sockets, chunksPerSecond, seconds }: Options, product: Figures[], limit: Figures[]): string {
  const median = (of: Figures[], key: keyof Figures) =>
    quantile(
      of.map((figures) => figures[key]),
      0.5,
    )
  const lines = (['cpuUs', 'p50', 'p99'] as const).map((key) => {
    const ratios = product.map((figures, round) => figures[key] / (limit[round]?.[key] ?? Number.NaN))
    const unit = key === 'cpuUs' ? 'µs CPU for each delivery' : `ms delay, ${key}`
    return `  ${unit.padEnd(26)} Confab ${median(product, key).toFixed(2)}, bare ${median(limit, key).toFixed(2)}, ratio ${quantile(ratios, 0.5).toFixed(2)}`
  })
  const expected = sockets * chunksPerSecond * seconds
  const share = (of: Figures[]) => `${((median(of, 'delivered') / expected) * 100).toFixed(1)} %`
  return [
    `Fan-out: one reply, ${chunksPerSecond} chunks/s, to ${sockets} sockets (medians of ${product.length} rounds in turns)`,
    ...lines,
    `  delivered                  Confab ${share(product)}, bare ${share(limit)}`,
  ].join('\n')
}
