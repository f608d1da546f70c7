import { connect } from '../support/client.ts'

/*
 * One socket that calls as fast as it can and opens again whenever it is closed; in a process of its own, until it is killed.
 * Usage: bun flood.ts '{"port":1,"url":"http://…","cookie":"…"}'
 */
const options: { url: string; cookie: string } = JSON.parse(process.argv[2] ?? '{}')
const BURST = 100

const frames = Array.from({ length: BURST }, (_, index) =>
  JSON.stringify({ i: `x${index}`, p: { u: '/conversation/list', b: { json: {} } } }),
)
process.stdout.write('flooding\n')
for (;;) {
  const client = await connect(options, options.cookie)
  while (client.socket.readyState === WebSocket.OPEN) {
    for (const frame of frames) client.sendRaw(frame)
    await Bun.sleep(1)
  }
}
