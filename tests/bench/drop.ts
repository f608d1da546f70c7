import { newId } from '#contract'
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts'
import { random } from '../support/emulator-text.ts'
import { type Rival, socketIo, webSockets } from './drop-rivals.ts'
import { type DropOptions, startConfabClients } from './drop-confab.ts'

/*
 * The same broken networks for everybody: each client is cut off for two seconds, again and again, at moments of its own, while chunks flow.
 * What counts is what a client has when the stream is over and the network has been well for a while: that is what its reader sees.
 */
const DOWN_MS = 2_000
const UP_MS = { least: 1_500, more: 3_000 }
const RECOVERY_MS = 8_000

/** The share of chunks that clients have in the end, for Socket.IO with and without its recovery, plain WebSockets, and Confab. */
export async function drop(options: DropOptions): Promise<string> {
  const rivals = [
    await play('Socket.IO, as it comes', await socketIo({ recovery: false }), options),
    await play('Socket.IO with connection state recovery', await socketIo({ recovery: true }), options),
    await play('ws, reconnecting', await webSockets(), options),
  ]
  const confab = await playConfab(options)
  const lines = [...rivals, confab].map(
    ({ name, delivered, worst, twice, cuts }) =>
      `  ${name.padEnd(42)} ${percent(delivered)} of the chunks, ${percent(worst)} for the unluckiest client, ${twice} twice (${cuts} cuts)`,
  )
  const { clients, chunksPerSecond, seconds } = options
  return [
    `Drops: ${clients} clients, each cut for ${DOWN_MS / 1_000} s again and again, ${chunksPerSecond} chunks/s for ${seconds} s`,
    ...lines,
  ].join('\n')
}

type Result = { readonly name: string; readonly delivered: number; readonly worst: number; readonly twice: number; readonly cuts: number }

async function play(name: string, rival: Rival, options: DropOptions): Promise<Result> {
  const networks = await Promise.all(Array.from({ length: options.clients }, () => startChaosProxy({ port: rival.port })))
  const clients = await Promise.all(networks.map(({ port }) => rival.connect(`http://127.0.0.1:${port}`)))
  const total = options.chunksPerSecond * options.seconds
  const storm = trouble(networks)
  const start = performance.now()
  for (let chunk = 0; chunk < total; chunk++) {
    const waitMs = start + (chunk * 1_000) / options.chunksPerSecond - performance.now()
    if (waitMs > 0) await Bun.sleep(waitMs)
    rival.publish(chunk)
  }
  const cuts = storm.end()
  const complete = () => clients.every(({ received }) => new Set(received).size === total)
  for (const until = performance.now() + RECOVERY_MS; performance.now() < until && !complete();) await Bun.sleep(50)
  const shares = clients.map(({ received }) => new Set(received).size / total)
  const twice = clients.reduce((sum, { received }) => sum + received.length - new Set(received).size, 0)
  for (const client of clients) client.close()
  await rival.stop()
  await Promise.all(networks.map((network) => network.stop()))
  return { name, ...summary(shares), twice, cuts }
}

async function playConfab(options: DropOptions): Promise<Result> {
  const confab = await startConfabClients(options)
  try {
    const chunks = options.chunksPerSecond * options.seconds
    const storm = trouble(confab.networks)
    const whole = await confab.stream(`[[chunks=${chunks} every=${1_000 / options.chunksPerSecond} units=${chunks * 20}]] ${newId()}`)
    const cuts = storm.end()
    const texts = () => Promise.all(confab.texts())
    const complete = async () => (await texts()).every((text) => text === whole)
    for (const until = performance.now() + RECOVERY_MS; performance.now() < until && !(await complete());) await Bun.sleep(50)
    const shares = (await texts()).map((text) => (whole.startsWith(text) ? text.length / whole.length : 0))
    return { name: 'Confab', ...summary(shares), twice: 0, cuts }
  } finally {
    await confab.stop()
  }
}

/** Cuts every network for two seconds, again and again. `end` makes all of them well, and tells how many cuts there were. */
function trouble(networks: readonly ChaosProxy[]): { end(): number } {
  let cuts = 0
  const timers = new Map<ChaosProxy, Timer>()
  networks.forEach((network, index) => {
    const dice = random(index)
    const down = () => {
      cuts++
      network.door = 'refuse'
      network.cutAll()
      timers.set(network, setTimeout(up, DOWN_MS))
    }
    const up = () => {
      network.door = 'open'
      timers.set(network, setTimeout(down, UP_MS.least + dice() * UP_MS.more))
    }
    up()
  })
  return {
    end() {
      for (const timer of timers.values()) clearTimeout(timer)
      for (const network of networks) network.door = 'open'
      return cuts
    },
  }
}

function summary(shares: readonly number[]): { delivered: number; worst: number } {
  return { delivered: shares.reduce((sum, share) => sum + share, 0) / shares.length, worst: Math.min(...shares) }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).padStart(5)} %`
}
