import { GoogleGenerativeAI, GoogleGenerativeAIFetchError } from '@google/generative-ai'
import type { Failure } from '#contract'
import { readChunk } from './gemini-chunk.ts'
import { listModels, thinkingConfig } from './gemini-models.ts'
import { failureOf, failureOfFinish } from './gemini-failure.ts'
import { waitFor } from './gemini-wait.ts'
import { type Model, ModelError, type ModelEvent, type ModelRequest, type Turn } from './model.ts'

const FIRST_BYTE_MS = 60_000
const IDLE_MS = 45_000
/** How long a finished answer waits for the provider to close the stream. */
const LINGER_MS = 5_000

const GO_ON = 'Your answer was cut off. Continue it exactly where it stops: begin with the very next character and repeat nothing.'

/** A name may not lead anywhere else on the provider's host: it becomes a part of the request's path. */
const MODEL_NAME = /^(?:(?:models|tunedModels)\/)?[\w.-]{1,100}$/
/** A header with anything else would be refused by an error that repeats the key. */
const KEY = /^[\x21-\x7e]+$/

type Settings = {
  readonly apiKey: string
  readonly model: string
  /** Of any endpoint that speaks like Gemini, without a slash at the end; null: Google's own. */
  readonly baseUrl: string | null
  /** How long the model may be silent before it says anything, a thought included. */
  readonly firstByteMs?: number
  /** How long it may be silent afterwards. */
  readonly idleMs?: number
}

/** Gemini over HTTP. See `Model` for what it throws; one call is one request. */
export function createGemini(settings: Settings): Model {
  return {
    name: settings.model,
    speaker: 'Gemini',
    demo: false,
    list: (signal) => listModels(settings, signal),
    stream: (request, signal) => ask(settings, request, signal),
  }
}

async function* ask(settings: Settings, request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, void, void> {
  // The SDK ignores a signal that is aborted before the call.
  signal.throwIfAborted()
  const name = request.model === '' ? settings.model : request.model
  if (!MODEL_NAME.test(name)) throw new ModelError({ code: 'model_unknown', model: name })
  if (!KEY.test(settings.apiKey)) throw new ModelError({ code: 'key_refused' })

  const idleMs = settings.idleMs ?? IDLE_MS
  const wait = waitFor(signal)
  let spoke = false
  let finishReason: string | null = null
  try {
    wait.allow(settings.firstByteMs ?? FIRST_BYTE_MS)
    const answer = await wait.step(open(settings, name, request, wait.request))
    for (;;) {
      const { done, value } = await wait.step(answer.next())
      if (done) break
      const chunk = readChunk(value)
      if (chunk.error) throw new ModelError(failureOf(chunk.error, name))
      for (const part of chunk.parts) {
        if (part.type === 'text') spoke = true
        yield part
      }
      if (chunk.usage) yield { type: 'usage', usage: chunk.usage, model: chunk.model }
      if (chunk.blockReason) throw new ModelError({ code: 'blocked', reason: chunk.blockReason, prompt: true })
      // Some models name a reason with every chunk, so the answer is over when the stream is, and the last reason counts.
      finishReason = chunk.finishReason ?? finishReason
      wait.allow(finishReason === null ? idleMs : Math.min(idleMs, LINGER_MS))
    }
  } catch (error) {
    signal.throwIfAborted()
    // Once the reason is there the answer is whole, whatever becomes of the connection.
    if (finishReason === null) throw error instanceof ModelError ? error : new ModelError(failureOfWay(error, name, spoke))
  } finally {
    // Leaving the loop over the SDK's stream does not end the request.
    wait.close()
  }
  if (finishReason === null) throw new ModelError({ code: 'cut' })
  if (finishReason !== 'STOP' && finishReason !== 'MAX_TOKENS') throw new ModelError(failureOfFinish(finishReason))
  yield { type: 'finish', truncated: finishReason === 'MAX_TOKENS' }
}

async function open(settings: Settings, name: string, request: ModelRequest, signal: AbortSignal): Promise<AsyncIterator<unknown>> {
  const { apiKey, baseUrl } = settings
  const model = new GoogleGenerativeAI(apiKey).getGenerativeModel(
    { model: name, ...(request.instructions === '' ? {} : { systemInstruction: request.instructions }) },
    baseUrl === null ? {} : { baseUrl },
  )
  const goOn: Turn[] =
    request.kept === ''
      ? []
      : [
          { role: 'model', text: request.kept },
          { role: 'user', text: GO_ON },
        ]
  const contents = [...request.turns, ...goOn].map((turn) => ({ role: turn.role, parts: [{ text: turn.text }] }))
  const answer = await model.generateContentStream({ contents, generationConfig: generationConfig(name, request) }, { signal })
  // A second reader of the same stream: if that fails and nobody looks, the process ends.
  answer.response.catch(() => {})
  return answer.stream
}

/** The SDK's types know no thinking; what it does not know it sends as it is. */
function generationConfig(name: string, { temperature, thinking, thinks }: ModelRequest): object {
  const thinkingOptions = { ...(thinks ? { includeThoughts: true } : {}), ...thinkingConfig(name, thinking) }
  return {
    ...(temperature === null ? {} : { temperature }),
    ...(Object.keys(thinkingOptions).length === 0 ? {} : { thinkingConfig: thinkingOptions }),
  }
}

/** What went wrong when nothing but an error came back: a refusal over HTTP, or the way to the provider itself. */
function failureOfWay(error: unknown, model: string, spoke: boolean): Failure {
  if (error instanceof GoogleGenerativeAIFetchError && error.status !== undefined) {
    return failureOf({ status: error.status, message: error.message, details: error.errorDetails }, model)
  }
  return spoke ? { code: 'cut' } : { code: 'unavailable', status: null }
}
