/*
 * The limit to compare with: Bun.serve and publish, nothing else. Frames of the product's form and size, at the product's pace.
 * Usage: bun bare.ts; prints {"port":n}; each line "<count> <everyMs> <units>" on standard input publishes that many frames.
 */
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  reusePort: false,
  fetch: (request, self) => (self.upgrade(request, { data: undefined }) ? undefined : new Response(null, { status: 426 })),
  websocket: {
    perMessageDeflate: false,
    backpressureLimit: 1024 * 1024,
    closeOnBackpressureLimit: true,
    open(socket) {
      socket.subscribe('room')
    },
    message() {},
  },
})
process.stdout.write(JSON.stringify({ port: server.port }) + '\n')

const id = '01a20397-c3d4-7e29-93fd-0c218373ddfe'
for await (const line of console) {
  const [count = 0, everyMs = 0, units = 0] = line.split(' ').map(Number)
  const start = performance.timeOrigin + performance.now()
  for (let index = 0; index < count; index++) {
    const due = start + index * everyMs
    await Bun.sleep(Math.max(0, due - performance.timeOrigin - performance.now()))
    server.publish(
      'room',
      JSON.stringify(['delta', id, index * units, `@${(performance.timeOrigin + performance.now()).toFixed(3)} `.padEnd(units, '.')]),
    )
  }
  process.stdout.write(JSON.stringify({ done: count }) + '\n')
}
