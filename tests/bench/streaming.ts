import { newId } from '#contract'
import { connect, type TestClient } from '../support/client.ts'
import { enter } from '../support/people.ts'
import { startServer } from '../support/server.ts'
import { quantile, stampOf, wallMs } from './figures.ts'
import { startHelper } from './processes.ts'

type Options = { readonly rounds: number; readonly chunks: number; readonly everyMs: number }
type Figures = { readonly first: number; readonly delays: number[] }

/**
 * One tab, one reply: the time from asking to the first chunk, and from the emulator's stamp to each chunk's arrival; through Confab, and
 * read straight from the emulator. Both readers are this process, in turns.
 */
export async function streaming(options: Options): Promise<string> {
  const emulator = startHelper('support/emulator-command.ts', [], { PORT: '0' })
  const [, upstream = ''] = await emulator.line(/ready at (\S+)/)
  const server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: upstream } })
  try {
    const { cookie } = await enter(server)
    const tab = await connect(server, cookie)
    const prompt = () => `[[stamped chunks=${options.chunks} every=${options.everyMs}]] ${newId()}`
    // The first of each is for warming up.
    await direct(upstream, prompt())
    await through(tab, prompt())
    const straight: Figures[] = []
    const confab: Figures[] = []
    for (let round = 0; round < options.rounds; round++) {
      straight.push(await direct(upstream, prompt()))
      confab.push(await through(tab, prompt()))
    }
    return report(options, confab, straight)
  } finally {
    await server.stop()
    await emulator.kill()
  }
}

async function through(tab: TestClient, text: string): Promise<Figures> {
  const conversationId = newId()
  const replyId = newId()
  await tab.rpc.conversation.create({ id: conversationId })
  await tab.join(conversationId)
  const delays: number[] = []
  let first = 0
  const listen = (event: MessageEvent<unknown>) => {
    if (typeof event.data !== 'string' || !event.data.startsWith('["delta"')) return
    const at = wallMs()
    first ||= at
    const stamp = stampOf(event.data)
    if (stamp !== null) delays.push(at - stamp)
  }
  tab.socket.addEventListener('message', listen)
  const asked = wallMs()
  await tab.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId })
  await tab.hearEnd(replyId, 60_000)
  tab.socket.removeEventListener('message', listen)
  return { first: first - asked, delays }
}

async function direct(upstream: string, text: string): Promise<Figures> {
  const asked = wallMs()
  const answer = await fetch(`${upstream}/v1beta/models/gemini-flash-latest:streamGenerateContent?alt=sse`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': 'emulator' },
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text }] }] }),
  })
  if (!answer.body) throw new Error('no body')
  const delays: number[] = []
  let first = 0
  const decoder = new TextDecoder()
  for await (const bytes of answer.body) {
    const at = wallMs()
    for (const event of decoder.decode(bytes, { stream: true }).split('\r\n\r\n')) {
      const stamp = stampOf(event)
      if (stamp === null) continue
      first ||= at
      delays.push(at - stamp)
    }
  }
  return { first: first - asked, delays }
}

function report({ chunks, everyMs }: Options, confab: Figures[], straight: Figures[]): string {
  const all = (of: Figures[]) => of.flatMap(({ delays }) => delays)
  const firsts = (of: Figures[]) => of.map(({ first }) => first)
  const line = (name: string, of: (figures: Figures[]) => number[], share: number) => {
    const mine = quantile(of(confab), share)
    const theirs = quantile(of(straight), share)
    return `  ${name.padEnd(26)} Confab ${mine.toFixed(2)}, straight ${theirs.toFixed(2)}, added ${(mine - theirs).toFixed(2)}`
  }
  return [
    `Streaming: one tab, ${chunks} chunks, one every ${everyMs} ms (${confab.length} rounds in turns)`,
    line('ms to the first chunk, p50', firsts, 0.5),
    line('ms delay of a chunk, p50', all, 0.5),
    line('ms delay of a chunk, p99', all, 0.99),
  ].join('\n')
}
