import { SQL } from 'bun'
import { newId } from '#contract'
import { launch, signedInContext } from '../support/browser.ts'
import { connect } from '../support/client.ts'
import { type Answer, startEmulator } from '../support/emulator.ts'
import { enter } from '../support/people.ts'
import { startPostgres } from '../support/postgres.ts'
import { createRoom } from '../support/room-page.ts'
import { startServer } from '../support/server.ts'

/** A server with a model to be driven by hand, a browser, and a person on both. Everything ends with `stop`. */
export async function feelStage() {
  const stack = new AsyncDisposableStack()
  try {
    const postgres = stack.adopt(await startPostgres(), (each) => each.stop())
    const emulator = stack.adopt(await startEmulator(), (each) => each.stop())
    const env = { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url, DATABASE_URL: postgres.url }
    const server = stack.use(await startServer({ env }))
    const wire = await connect(server, (await enter(server)).cookie)
    const browser = stack.adopt(await launch(), (each) => each.close())
    const context = await signedInContext(browser, server)
    return { ...{ emulator, server, wire, browser, context }, databaseUrl: postgres.url, stop: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

export type FeelStage = Awaited<ReturnType<typeof feelStage>>

/** A room with so many prompts and answers; its id. */
export async function filledRoom({ wire, databaseUrl }: FeelStage, title: string, count: number): Promise<string> {
  const id = await createRoom(wire, title)
  const ids = Array.from({ length: count }, () => newId())
  const rows = ids.map((each, index) => ({
    ...{ id: each, parent: ids[index - 1] ?? null, reply: index % 2 === 1 },
    text: index % 2 === 1 ? `${answerText(1_200, index)}\n\nEnd of ${title}, ${index + 1}` : `Prompt ${index + 1}: what about it?`,
  }))
  const sql = new SQL(databaseUrl, { max: 1 })
  try {
    await sql.begin(async (transaction) => {
      const [{ revision }] = await transaction`select revision from conversation where id = ${id}`
      await transaction`insert into message (id, conversation_id, parent_id, kind, author_id, text, position, revision, state, model)
        select (value->>'id')::uuid, ${id}::uuid, (value->>'parent')::uuid, case when (value->>'reply')::boolean then 'reply' else 'prompt' end,
          created_by, value->>'text', ${revision} + ordinality, ${revision} + ordinality,
          case when (value->>'reply')::boolean then 'complete' end, case when (value->>'reply')::boolean then 'gemini-flash-latest' end
        from conversation, jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) with ordinality where conversation.id = ${id}`
      await transaction`update conversation set revision = ${revision + count}, head_id = ${ids.at(-1)}, count = ${count}, last_name = 'Gemini',
        last_text = ${title}, changed = pg_current_xact_id() where id = ${id}`
    })
  } finally {
    await sql.close()
  }
  return id
}

const SECTION = (number: number) => `## Part ${number}

Some **words** of an answer with \`code\` in them, a [link](https://example.com/${number}) and *more* of it: enough for two or three lines of
the column, as answers have them, so that what is drawn has the size of what is drawn for a reader, part ${number}.

- a first point about ${number}
- a second one with \`value${number}\`
  1. and one inside of it

\`\`\`ts
export function part${number}(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, ${number}) // what is left
  if (sum > ${number * 3}) throw new Error(\`too much: \${sum}\`)
  return sum / values.length
}
\`\`\`

| name | value | remark |
| --- | ---: | --- |
| part${number} | ${number * 7} | a remark with **weight** |
| other | ${number * 11} | another, \`quoted\` |
| last | ${number * 13} | the last of them |

`

/** Markdown of so many UTF-16 code units: sections of prose, lists, code and tables. Four of them are about a token. */
export function answerText(length: number, from = 0): string {
  let text = ''
  for (let number = from + 1; text.length < length; number++) text += SECTION(number)
  return text.slice(0, length)
}

/** Writes a text in pieces of so many code units, one every so many milliseconds by the clock; ends the answer. */
export async function writeSteadily(answer: Answer, text: string, piece: number, everyMs: number): Promise<void> {
  const startedAt = performance.now()
  for (let at = 0, sent = 0; at < text.length; at += piece, sent++) {
    await answer.write(text.slice(at, at + piece))
    await Bun.sleep(Math.max(0, startedAt + (sent + 1) * everyMs - performance.now()))
  }
  await answer.finish()
}
