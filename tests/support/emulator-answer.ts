import type { Refusal } from './emulator-errors.ts'
import type { EmulatedRequest } from './emulator-journal.ts'
import { versionOf } from './emulator-models.ts'
import type { Ask } from './emulator-request.ts'
import { tokensOf } from './emulator-text.ts'
import type { Wire } from './emulator-wire.ts'

/** An answer that is being given, to be driven chunk by chunk. Does nothing once the client is gone. */
export type Answer = {
  readonly request: EmulatedRequest
  readonly ask: Ask
  readonly wire: Wire
  readonly gone: AbortSignal
  /** Sends the head of the answer and nothing else. */
  open(): void
  write(text: string): Promise<void>
  thought(text: string): Promise<void>
  /** A chunk of any shape; usage, version and id are added unless it names them. */
  chunk(fields: object): Promise<void>
  /** A text beside others: any parts, any candidates. */
  parts(parts: readonly object[]): Promise<void>
  /** The last chunk, then the regular end. Other reasons than STOP and MAX_TOKENS come without content, as from Google. */
  finish(reason?: string): Promise<void>
  /** A prompt that was not let through: no candidate, and the regular end. */
  block(reason?: string): Promise<void>
  /** An HTTP error; in the middle of a stream an error event and the regular end. */
  fail(refusal: Refusal): Promise<void>
  /** A regular end without a finish reason. */
  end(): Promise<void>
  /** Breaks off inside of an event. */
  cut(): Promise<void>
  reset(): Promise<void>
}

const RATINGS = ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT']
const SIGNATURE = Buffer.from('emulated thought signature').toString('base64')

export function createAnswer(request: EmulatedRequest, ask: Ask, wire: Wire): Answer {
  const promptTokens = tokensOf(ask.instructions) + ask.turns.reduce((sum, turn) => sum + tokensOf(turn.text), 0)
  const responseId = `emulated-${request.id}`
  let textTokens = 0
  let thoughtTokens = 0

  const usage = () => ({
    promptTokenCount: promptTokens,
    ...(textTokens > 0 && { candidatesTokenCount: textTokens }),
    totalTokenCount: promptTokens + textTokens + thoughtTokens,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: promptTokens }],
    ...(thoughtTokens > 0 && { thoughtsTokenCount: thoughtTokens }),
  })
  const chunk = async (fields: object) => {
    if (wire.gone.aborted) return
    request.sentChunks++
    const output = textTokens + thoughtTokens
    request.usage = { prompt: promptTokens, output, total: promptTokens + output }
    await wire.send({ usageMetadata: usage(), modelVersion: versionOf(request.model ?? ''), responseId, ...fields })
  }
  const parts = (list: readonly object[]) => chunk({ candidates: [{ content: { parts: list, role: 'model' }, index: 0 }] })

  return {
    request,
    ask,
    wire,
    gone: wire.gone,
    open: () => wire.open(),
    chunk,
    parts,
    write(text) {
      textTokens += tokensOf(text)
      return parts([{ text }])
    },
    thought(text) {
      thoughtTokens += tokensOf(text)
      return parts([{ text, thought: true }])
    },
    async finish(reason = 'STOP') {
      const whole = reason === 'STOP' || reason === 'MAX_TOKENS'
      const safetyRatings = RATINGS.map((name) => ({ category: `HARM_CATEGORY_${name}`, probability: 'HIGH', blocked: true }))
      const candidate = whole
        ? { content: { parts: [{ text: '', thoughtSignature: SIGNATURE }], role: 'model' }, finishReason: reason, index: 0 }
        : { finishReason: reason, index: 0, ...(reason === 'SAFETY' && { safetyRatings }) }
      await chunk({ candidates: [candidate] })
      await wire.end()
    },
    async block(reason = 'SAFETY') {
      await chunk({ promptFeedback: { blockReason: reason } })
      await wire.end()
    },
    async fail(refusal) {
      if (!wire.opened) return wire.refuse(refusal.status, refusal.body)
      request.sentChunks++
      await wire.send(refusal.body)
      await wire.end()
    },
    end: () => wire.end(),
    async cut() {
      await wire.raw('data: {"candidates": [{"content": {"parts": [{"text": "this must not be se')
      await wire.cut()
    },
    reset: () => wire.reset(),
  }
}
