import { GoogleGenerativeAI } from '@google/generative-ai'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { type Emulator, startEmulator } from './emulator.ts'
import { planOf } from './emulator-plan.ts'

const MODEL = 'gemini-flash-latest'
let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.stop())

type Options = { action?: string; version?: string; model?: string; key?: string | null; query?: string; body?: unknown; base?: string }

function post(prompt: string, options: Options = {}): Promise<Response> {
  const {
    action = 'streamGenerateContent',
    version = 'v1beta',
    model = MODEL,
    key = 'a-key',
    query = action === 'streamGenerateContent' ? '?alt=sse' : '',
    base = '',
  } = options
  const body = options.body ?? { contents: [{ role: 'user', parts: [{ text: prompt }] }] }
  return fetch(`${emulator.url}${base}/${version}/models/${model}:${action}${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== null && { 'x-goog-api-key': key }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

type Chunk = {
  candidates?: { content?: { parts: { text?: string; thought?: boolean; thoughtSignature?: string }[] }; finishReason?: string }[]
  usageMetadata: Record<string, number>
}

async function chunksOf(response: Response): Promise<Chunk[]> {
  const text = await response.text()
  return text
    .split('\r\n\r\n')
    .filter((event) => event !== '')
    .map((event) => JSON.parse(event.replace(/^data: /, '')))
}

const textOf = (chunks: Chunk[]) =>
  chunks
    .flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
    .map((part) => (part.thought ? '' : part.text))
    .join('')
const planned = (prompt: string) => planOf(prompt, MODEL, 1).pieces.join('')

/** The bytes of an answer as they come over a bare connection. `ended`: regular, closed without an end, or the code of an error. */
function bare(prompt: string): Promise<{ bytes: Buffer; reads: number; ended: string }> {
  const body = JSON.stringify({ contents: [{ parts: [{ text: prompt }] }] })
  const { promise, resolve } = Promise.withResolvers<{ bytes: Buffer; reads: number; ended: string }>()
  const parts: Buffer[] = []
  let ended = 'closed'
  const socket = connect(emulator.port, '127.0.0.1')
  socket.on('data', (part: Buffer) => {
    parts.push(part)
    if (!Buffer.concat(parts).toString().endsWith('\r\n0\r\n\r\n')) return
    ended = 'regular'
    socket.end()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => (ended = error.code ?? 'error'))
  socket.on('close', () => resolve({ bytes: Buffer.concat(parts), reads: parts.length, ended }))
  socket.write(
    `POST /v1beta/models/${MODEL}:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: emulator\r\nx-goog-api-key: k\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  return promise
}

test('a stream is events of one data line each, framed with CRLF, without a [DONE]', async () => {
  const response = await post('Hello [[every=1]]')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const text = await response.text()
  expect(text).toEndWith('\r\n\r\n')
  expect(text).not.toContain('[DONE]')
  for (const event of text.slice(0, -4).split('\r\n\r\n')) {
    expect(event).toStartWith('data: {')
    expect(event).not.toContain('\n')
  }
})

test('usage is cumulative, the last chunk is empty with a signature, and names the reason', async () => {
  const prompt = 'Hello [[every=1 thoughts]]'
  const chunks = await chunksOf(await post(prompt))
  expect(textOf(chunks)).toBe(planned(prompt))
  expect(chunks[0]?.candidates?.[0]?.content?.parts[0]).toMatchObject({ thought: true })
  const totals = chunks.map((chunk) => chunk.usageMetadata.totalTokenCount ?? 0)
  expect(totals).toEqual(totals.toSorted((left, right) => left - right))
  expect(chunks.at(-1)).toMatchObject({
    candidates: [
      { content: { parts: [{ text: '', thoughtSignature: expect.any(String) }], role: 'model' }, finishReason: 'STOP', index: 0 },
    ],
    modelVersion: 'gemini-3.5-flash',
    responseId: expect.any(String),
  })
  expect(chunks.filter((chunk) => chunk.candidates?.[0]?.finishReason !== undefined)).toHaveLength(1)
})

test('thoughts come only when they are asked for', async () => {
  const body = (includeThoughts: boolean) => ({
    contents: [{ parts: [{ text: '[[every=1]]' }] }],
    generationConfig: { thinkingConfig: { includeThoughts } },
  })
  const thoughts = (chunks: Chunk[]) =>
    chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []).filter((part) => part.thought).length
  expect(thoughts(await chunksOf(await post('', { body: body(true) })))).toBe(1)
  expect(thoughts(await chunksOf(await post('', { body: body(false) })))).toBe(0)
})

test('without alt=sse a stream is a JSON array, and generateContent one object', async () => {
  const prompt = 'Hello <there> [[every=1 code]]'
  const list = await post(prompt, { query: '' })
  expect(list.headers.get('content-type')).toContain('application/json')
  expect(textOf(JSON.parse(await list.text()))).toBe(planned(prompt))
  const single = await post(prompt, { action: 'generateContent' })
  const text = await single.text()
  expect(text).not.toMatch(/[<>&']/)
  const whole: Chunk = JSON.parse(text)
  expect(textOf([whole])).toBe(planned(prompt))
  expect(whole).toMatchObject({ candidates: [{ finishReason: 'STOP' }], usageMetadata: { candidatesTokenCount: expect.any(Number) } })
})

test('v1 and v1beta, any base path, and a key in the query are good', async () => {
  const prompt = '[[every=1]]'
  for (const options of [{ version: 'v1' }, { base: '/a/b' }, { key: null, query: '?alt=sse&key=in-the-query' }]) {
    expect(textOf(await chunksOf(await post(prompt, options)))).toBe(planned(prompt))
  }
  expect(emulator.requests.at(-1)?.key).toBe('in-the-query')
})

test('refusals have the bodies of the API', async () => {
  const bodies: [Promise<Response>, number, string, RegExp][] = [
    [post('x', { key: 'bad' }), 400, 'INVALID_ARGUMENT', /API_KEY_INVALID/],
    [post('x', { key: null }), 403, 'PERMISSION_DENIED', /unregistered callers/],
    [post('x', { key: 'leaked' }), 403, 'PERMISSION_DENIED', /leaked/],
    [post('x', { model: 'gemini-none' }), 404, 'NOT_FOUND', /models\/gemini-none is not found for API version v1beta/],
    [post('x', { model: 'gemini-embedding-001' }), 404, 'NOT_FOUND', /not supported for streamGenerateContent/],
    [post('x', { action: 'makeCoffee' }), 404, 'NOT_FOUND', /not found/],
    [post('', { body: '{"contents":' }), 400, 'INVALID_ARGUMENT', /Invalid JSON payload/],
    [post('', { body: { contents: [] } }), 400, 'INVALID_ARGUMENT', /contents is not specified/],
    [post('', { body: { contents: [{ role: 'user', parts: [] }] } }), 400, 'INVALID_ARGUMENT', /parts must not be empty/],
    [post('', { body: { contents: [{ role: 'user', parts: [{}] }] } }), 400, 'INVALID_ARGUMENT', /required oneof field/],
    [post('', { body: { contents: [{ role: 'system', parts: [{ text: 'x' }] }] } }), 400, 'INVALID_ARGUMENT', /valid role: user, model/],
    [post('[[429]]'), 429, 'RESOURCE_EXHAUSTED', /PerMinute.*"retryDelay":"31s"/],
    [post('[[429-day]]'), 429, 'RESOURCE_EXHAUSTED', /PerDay.*51820/],
    [post('[[503]]'), 503, 'UNAVAILABLE', /overloaded/],
  ]
  for (const [answer, code, status, pattern] of bodies) {
    const response = await answer
    expect(response.status).toBe(code)
    const body = await response.json()
    expect(body).toMatchObject({ error: { code, status } })
    expect(JSON.stringify(body)).toMatch(pattern)
  }
})

test('names that are not known are refused with their place, both spellings of known ones are good', async () => {
  const refused = await post('', { body: { contents: [{ parts: [{ text: 'x', txt: 1 }] }], madeUp: 1, generationConfig: { topX: 1 } } })
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({
    error: {
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.BadRequest',
          fieldViolations: [
            { description: 'Invalid JSON payload received. Unknown name "madeUp": Cannot find field.' },
            {
              field: 'contents[0].parts[0]',
              description: `Invalid JSON payload received. Unknown name "txt" at 'contents[0].parts[0]': Cannot find field.`,
            },
            { field: 'generation_config' },
          ],
        },
      ],
    },
  })
  const good = {
    contents: [{ parts: [{ text: '[[every=1]]' }] }],
    system_instruction: { parts: [{ text: 'x' }] },
    generation_config: { max_output_tokens: 5 },
  }
  expect((await post('', { body: good })).status).toBe(200)
})

test('two settings of thinking at once are refused', async () => {
  const body = (thinkingConfig: object) => ({ contents: [{ parts: [{ text: '[[every=0]]' }] }], generationConfig: { thinkingConfig } })
  expect((await post('', { body: body({ thinkingLevel: 'low', thinkingBudget: 5 }) })).status).toBe(400)
  expect((await post('', { model: 'gemini-3.8-flash', body: body({ thinkingLevel: 'minimal' }) })).status).toBe(400)
  expect((await post('', { body: body({ thinkingLevel: 'minimal' }) })).status).toBe(200)
})

test('models are listed in pages and described one by one', async () => {
  const get = async (path: string) => {
    const response = await fetch(`${emulator.url}/v1beta/models${path}`, { headers: { 'x-goog-api-key': 'k' } })
    return { status: response.status, body: await response.json() }
  }
  const names: string[] = []
  for (let token = ''; ;) {
    const { body } = await get(`?pageSize=3&pageToken=${token}`)
    names.push(...body.models.map((model: { name: string }) => model.name))
    if (body.nextPageToken === undefined) break
    token = body.nextPageToken
  }
  expect(names).toContain(`models/${MODEL}`)
  expect(new Set(names).size).toBe(names.length)
  expect((await get(`/${MODEL}`)).body).toMatchObject({ name: `models/${MODEL}`, inputTokenLimit: 1_048_576 })
  expect((await get('/gemini-none')).status).toBe(404)
})

test('the SDK reads models of answers, counts tokens and sees errors as it does from Google', async () => {
  const model = new GoogleGenerativeAI('k').getGenerativeModel({ model: MODEL, systemInstruction: 'Be brief.' }, { baseUrl: emulator.url })
  const prompt = 'Hello [[every=1]]'
  expect((await model.generateContent(prompt)).response.text()).toBe(planned(prompt))
  const streamed = await model.generateContentStream(prompt)
  let text = ''
  for await (const chunk of streamed.stream) text += chunk.text()
  expect(text).toBe(planned(prompt))
  expect((await streamed.response).usageMetadata?.totalTokenCount).toBeGreaterThan(10)
  expect((await model.countTokens('Eight characters make two tokens')).totalTokens).toBe(11)
  const refused = await model.generateContentStream('[[429]]').catch((error: unknown) => error)
  expect(refused).toMatchObject({ status: 429, errorDetails: expect.arrayContaining([expect.objectContaining({ retryDelay: '31s' })]) })
})

test('the wire breaks in the way that was asked for', async () => {
  const regular = await bare('[[every=1]]')
  expect(regular.ended).toBe('regular')
  const end = await bare('[[end every=1]]')
  expect(end.ended).toBe('regular')
  expect(end.bytes.toString()).not.toContain('finishReason')
  const cut = await bare('[[cut every=1]]')
  expect(cut.ended).toBe('closed')
  expect(cut.bytes.toString()).toEndWith('must not be se\r\n')
  const half = await bare('[[utf8 every=1]]')
  expect(half.ended).toBe('closed')
  expect(half.bytes.subarray(-4, -2)).toEqual(Buffer.from('半').subarray(0, 2))
  const reset = await bare('[[reset every=1]]')
  expect(reset.ended).toBe('ECONNRESET')
  expect(reset.bytes.toString()).toContain('data: {')
  expect(await bare('[[reset-first]]')).toMatchObject({ ended: 'ECONNRESET', reads: 0 })
  expect(await bare('[[cut-first]]')).toMatchObject({ ended: 'closed', reads: 0 })
  const torn = await bare('[[bytes every=1]]')
  expect(torn.ended).toBe('regular')
  expect(torn.reads).toBeGreaterThan(100)
})

test('the same prompt gets the same answer, and another one another', () => {
  expect(planned('one')).toBe(planned('one'))
  expect(planned('one')).not.toBe(planned('two'))
  expect(planned('one [[seed=5]]')).toBe(planned('two [[seed=5]]'))
  expect(planned('repeat me [[echo]]')).toBe('repeat me')
})

test('the number of chunks can be set for texts of every kind', () => {
  for (const kind of ['', '[[cjk]]', '[[emoji]]', '[[surrogates]]']) {
    const { pieces } = planOf(`[[chunks=200 every=5]] ${kind}`, MODEL, 1)
    expect(pieces).toHaveLength(200)
    expect(pieces).not.toContain('')
    expect(pieces.some((piece) => !piece.isWellFormed())).toBe(kind === '[[surrogates]]')
    expect(pieces.join('').isWellFormed()).toBe(true)
  }
})

test('only the last paragraph is searched for words', async () => {
  expect((await post('[[429]]\n\nNow for real [[every=1]]')).status).toBe(200)
})

test('stamped chunks carry the time at which they were sent', async () => {
  const before = performance.timeOrigin + performance.now()
  const text = textOf(await chunksOf(await post('[[chunks=5 every=10 stamped]]')))
  const stamps = [...text.matchAll(/@(\d+\.\d{3}) /g)].map(([, stamp]) => Number(stamp))
  expect(stamps).toHaveLength(5)
  expect(stamps[0]).toBeGreaterThanOrEqual(before - 1)
  expect((stamps[4] ?? 0) - (stamps[0] ?? 0)).toBeGreaterThan(35)
})

test('an answer can be driven by hand, chunk by chunk', async () => {
  const response = post('[[hand]] please')
  const answer = await emulator.next({ prompt: 'please' })
  expect(answer.ask.turns).toEqual([{ role: 'user', text: '[[hand]] please' }])
  await answer.write('one')
  const reader = (await response).body?.getReader()
  const decode = new TextDecoder()
  expect(decode.decode((await reader?.read())?.value)).toContain('"one"')
  await answer.thought('hm')
  expect(decode.decode((await reader?.read())?.value)).toContain('"thought":true')
  await answer.finish('SAFETY')
  expect(decode.decode((await reader?.read())?.value)).toContain('"finishReason":"SAFETY"')
  expect((await reader?.read())?.done).toBe(true)
  expect(answer.request).toMatchObject({ sentChunks: 3, finished: true, disconnected: false })
})

test('scripts come before the words of a prompt, each for one answer', async () => {
  emulator.script.push((answer) => answer.block('OTHER'))
  expect(await chunksOf(await post('[[429]]'))).toMatchObject([{ promptFeedback: { blockReason: 'OTHER' } }])
  expect((await post('[[429]]')).status).toBe(429)
})

test('a client that goes away is noticed, and waiting ends with a sentence', async () => {
  const leaving = new AbortController()
  const response = await fetch(`${emulator.url}/v1/models/${MODEL}:streamGenerateContent?alt=sse&key=k`, {
    method: 'POST',
    body: JSON.stringify({ contents: [{ parts: [{ text: 'leaving [[slow]]' }] }] }),
    signal: leaving.signal,
  })
  expect(response.status).toBe(200)
  leaving.abort()
  const request = await emulator.waitForDisconnect((entry) => entry.prompt.startsWith('leaving'))
  expect(request.finished).toBe(false)
  expect(request.sentChunks).toBeLessThan(3)
  expect(await emulator.waitForRequest(() => false, 20).catch((error: Error) => error.message)).toBe('waited 20 ms for a request')
})

test('stopping ends open answers and everybody who waits', async () => {
  const other = await startEmulator({ manual: true })
  const open = fetch(`${other.url}/v1/models/${MODEL}:generateContent?key=k`, {
    method: 'POST',
    body: '{"contents":[{"parts":[{"text":"x"}]}]}',
  }).catch(() => 'broken')
  await other.next()
  const waiting = other.next().catch((error: Error) => error.message)
  await other.stop()
  expect(await open).toBe('broken')
  expect(await waiting).toBe('the emulator was stopped')
})

test('the command prints how to use it and stops on a signal', async () => {
  const command = Bun.spawn(['bun', new URL('emulator-command.ts', import.meta.url).pathname], {
    env: { ...process.env, PORT: '0' },
    stdout: 'pipe',
    stderr: 'inherit',
  })
  let printed = ''
  for await (const part of command.stdout.pipeThrough(new TextDecoderStream())) {
    printed += part
    if (printed.includes('stamped')) break
  }
  const url = /GEMINI_API_KEY=emulator GEMINI_BASE_URL=(\S+) bun start/.exec(printed)?.[1]
  expect((await fetch(`${url}/v1/models?key=k`)).status).toBe(200)
  command.kill('SIGTERM')
  expect(await command.exited).toBe(0)
}, 15_000)
