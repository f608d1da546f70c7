import { type Script, startEmulator } from './emulator.ts'
import { WORDS } from './emulator-plan.ts'

const nameIt: Script = async (answer) => {
  await answer.write(`About ${answer.ask.turns[0]?.text.split(/\s+/).slice(0, 5).join(' ') ?? 'nothing'}`)
  await answer.finish()
}
const PORT = Number(process.env.PORT || 4010)

const emulator = await startEmulator({ port: PORT, title: nameIt }).catch((error: unknown) => {
  console.error(
    `The emulator cannot listen on 127.0.0.1:${PORT} (${error instanceof Error ? error.message : 'unknown'}). Set PORT to a free port.`,
  )
  process.exit(1)
})
const width = Math.max(...WORDS.map(([word]) => word.length).filter((length) => length < 60))

console.log(`Emulated Gemini is ready at ${emulator.url}

Start Confab against it:

  GEMINI_API_KEY=emulator GEMINI_BASE_URL=${emulator.url} bun start

Any prompt is answered. What happens can be chosen by words in double square brackets in its last paragraph, e.g. [[slow]] or [[chunks=50 every=100]]:
`)
for (const [word, meaning] of WORDS) console.log(`  ${word.padEnd(width)}  ${meaning}`)

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping) return
    stopping = true
    void emulator.stop().then(() => process.exit(0))
  })
}
