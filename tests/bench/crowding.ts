import { LIMITS, newId, WIRE } from '#contract'
import { connect } from '../support/client.ts'
import { memoryMb } from '../support/memory.ts'
import { enter, introduce } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { startServer } from '../support/server.ts'
import { stallReaders } from '../support/stalled-readers.ts'
import { quantile } from './figures.ts'
import { type Helper, startHelper } from './processes.ts'

type Options = { readonly readers: number; readonly stalled: number; readonly seconds: number; readonly rounds: number }

const CHUNKS_PER_SECOND = 50
const CHUNK_UNITS = 100
/** Notes that fill what the kernel keeps for a reader that does not read; the chunks then meet sockets that take nothing. */
const FILL = { notes: 45, units: 60_000 }

/**
 * What badly behaved clients cost the others: the delay of chunks to healthy readers while one person's socket floods the server with calls
 * (and comes back whenever it is closed), and while a room has a thousand readers that read no more; each against the same without them. Whoever
 * floods takes a processor of this machine, too: the same flood into another program shows what of the delay is only that.
 */
export async function crowding(options: Options): Promise<string> {
  const emulator = startHelper('support/emulator-command.ts', [], { PORT: '0' })
  const [, upstream = ''] = await emulator.line(/ready at (\S+)/)
  const postgres = await startPostgres()
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: upstream, DATABASE_URL: postgres.url } })
  try {
    const owner = await enter(server)
    const writer = await connect(server, owner.cookie)
    const rude = await introduce(postgres.url, owner, 'Rude')

    const open = async () => {
      const conversationId = newId()
      await writer.rpc.conversation.create({ id: conversationId })
      const join = { i: '1', p: { u: '/conversation/join', b: { json: { id: conversationId, since: 0, limit: LIMITS.pageRows } } } }
      const headers = { cookie: owner.cookie, origin: server.url, host: new URL(server.url).host }
      const load = { port: server.port, path: `/rpc?wire=${WIRE}`, headers, count: options.readers, hello: JSON.stringify(join) }
      const readers = startHelper('bench/load.ts', [JSON.stringify(load)])
      await readers.line(/"ready":true/)
      return { conversationId, readers }
    }
    /** Streams one reply and returns the delays of its chunks to the healthy readers. */
    const stream = async ({ conversationId, readers }: { conversationId: string; readers: Helper }) => {
      const chunks = CHUNKS_PER_SECOND * options.seconds
      const text = `[[stamped chunks=${chunks} every=${1_000 / CHUNKS_PER_SECOND} units=${chunks * CHUNK_UNITS}]] ${conversationId}`
      await writer.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId: newId() })
      const over = (frame: (typeof writer.frames)[number]) =>
        frame[0] === 'conversation' && frame[1].id === conversationId && frame[1].last?.name === 'Gemini' && !frame[1].runningId
      await writer.hear(over, options.seconds * 4_000)
      readers.finish()
      const [line] = await readers.line(/^\{"frames".*/)
      const { delays }: { delays: number[] } = JSON.parse(line)
      return quantile(delays, 0.99)
    }

    const calm: number[] = []
    const elsewhere: number[] = []
    const flooded: number[] = []
    const stalled: number[] = []
    let closed = 0
    let floodMb = 0
    let stallMb = 0
    for (let round = 0; round < options.rounds; round++) {
      // The round before has left a gigabyte to collect.
      await stream(await open())
      calm.push(await stream(await open()))

      const aside = await open()
      const other = startHelper('bench/bare.ts')
      const [, port = ''] = await other.line(/"port":(\d+)/)
      const harmless = startHelper('bench/flood.ts', [JSON.stringify({ url: `http://127.0.0.1:${port}`, cookie: rude.cookie })])
      await harmless.line(/flooding/)
      elsewhere.push(await stream(aside))
      await Promise.all([harmless.kill(), other.kill()])

      const room = await open()
      const before = memoryMb(server.pid)
      const flood = startHelper('bench/flood.ts', [JSON.stringify({ port: server.port, url: server.url, cookie: rude.cookie })])
      const watch = watchMemory(server.pid)
      await flood.line(/flooding/)
      flooded.push(await stream(room))
      await flood.kill()
      floodMb = Math.max(floodMb, watch.end() - before)

      const crowd = await open()
      const least = memoryMb(server.pid)
      const watchStalled = watchMemory(server.pid)
      const { conversationId } = crowd
      const readers = await stallReaders({ server, cookie: owner.cookie, conversationId, count: options.stalled })
      for (let note = 0; note < FILL.notes; note++) {
        const text = '界'.repeat(FILL.units)
        await writer.rpc.message.send({ id: newId(), conversationId, text, kind: 'note', replyId: newId() })
      }
      stalled.push(await stream(crowd))
      readers.wake()
      for (const until = performance.now() + 20_000; readers.closed < options.stalled && performance.now() < until;) await Bun.sleep(50)
      closed += readers.closed
      stallMb = Math.max(stallMb, watchStalled.end() - least)
      readers.end()
    }
    const ratio = (of: number[], to = calm) =>
      quantile(
        of.map((p99, round) => p99 / (to[round] ?? Number.NaN)),
        0.5,
      ).toFixed(2)
    const p99 = (of: number[]) => `${quantile(of, 0.5).toFixed(2)} ms`
    return [
      `Crowding: p99 delay of a chunk to ${options.readers} healthy readers (medians of ${options.rounds} rounds in turns)`,
      `  nobody else                ${p99(calm)}`,
      `  one flooding elsewhere     ${p99(elsewhere)}, ratio ${ratio(elsewhere)}`,
      `  one flooding person        ${p99(flooded)}, ratio ${ratio(flooded)}, to elsewhere ${ratio(flooded, elsewhere)}, memory +${floodMb.toFixed(0)} MB`,
      `  ${options.stalled} stalled readers       ${p99(stalled)}, ratio ${ratio(stalled)}, ${closed} of ${options.stalled * options.rounds} closed, memory at most +${stallMb.toFixed(0)} MB`,
    ].join('\n')
  } finally {
    await server.stop()
    await emulator.kill()
    await postgres.stop()
  }
}

function watchMemory(pid: number): { end(): number } {
  let most = memoryMb(pid)
  const timer = setInterval(() => (most = Math.max(most, memoryMb(pid))), 20)
  return {
    end() {
      clearInterval(timer)
      return most
    },
  }
}
