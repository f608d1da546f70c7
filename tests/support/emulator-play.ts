import { setImmediate as breathe, setTimeout as pause } from 'node:timers/promises'
import type { Answer } from './emulator-answer.ts'
import type { Plan } from './emulator-plan.ts'

const ODD_PARTS = [
  { functionCall: { name: 'nobody_asked', args: {} } },
  { executableCode: { language: 'PYTHON', code: 'print("not for the transcript")' } },
  { codeExecutionResult: { outcome: 'OUTCOME_OK', output: 'not for the transcript' } },
  { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
  { partOfNextYear: { text: 'not for the transcript' } },
]

/** Gives the answer that a plan describes. Returns when it is over or the client is gone. */
export async function play(answer: Answer, plan: Plan): Promise<void> {
  try {
    answer.wire.sliceBytes = plan.sliceBytes
    await pause(plan.delayMs, undefined, { signal: answer.gone })
    for (const thought of answer.ask.includeThoughts && plan.thoughts.length === 0 && plan.pieces.length > 0
      ? ['**Thinking**\n\nAs asked for.']
      : plan.thoughts) {
      await answer.thought(thought)
      await pause(plan.everyMs, undefined, { signal: answer.gone })
    }
    await say(answer, plan)
    await end(answer, plan)
  } catch (error) {
    if (!answer.gone.aborted) throw error
  }
}

/** The pieces, each at its time: a late timer does not delay the ones after it. */
async function say(answer: Answer, plan: Plan): Promise<void> {
  const startedAt = performance.now()
  for (const [index, piece] of plan.pieces.entries()) {
    const waitMs = startedAt + index * plan.everyMs - performance.now()
    if (waitMs > 0) await pause(waitMs, undefined, { signal: answer.gone })
    else await breathe(undefined, { signal: answer.gone })
    const text = plan.stamped ? `@${(performance.timeOrigin + performance.now()).toFixed(3)} ${piece}` : piece
    await sayPiece(answer, plan, text)
  }
}

async function sayPiece(answer: Answer, plan: Plan, text: string): Promise<void> {
  const content = { parts: [{ text }], role: 'model' }
  switch (plan.oddity) {
    case null:
      return await answer.write(text)
    case 'two':
      await answer.chunk({ candidates: [{ content: { parts: [{ text: 'the other candidate' }], role: 'model' }, index: 1 }] })
      return await answer.chunk({
        candidates: [
          { content: { parts: [{ text: 'the other candidate' }], role: 'model' }, index: 1 },
          { content, index: 0 },
        ],
      })
    case 'parts':
      return await answer.parts([...ODD_PARTS, { text }])
    case 'stops':
      return await answer.chunk({ candidates: [{ content, finishReason: 'STOP', index: 0 }] })
  }
}

async function end(answer: Answer, plan: Plan): Promise<void> {
  const { ending } = plan
  switch (ending.kind) {
    case 'finish':
      return await answer.finish(ending.reason)
    case 'block':
      return await answer.block(ending.reason)
    case 'fail':
      return await answer.fail(ending.refusal)
    case 'html':
      return answer.wire.refuse(502, '<html><body><h1>502 Bad Gateway</h1></body></html>')
    case 'end':
      return await answer.end()
    case 'cut':
      if (plan.pieces.length === 0) return await answer.wire.cut()
      return await answer.cut()
    case 'utf8': {
      const event = Buffer.from(`data: {"candidates": [{"content": {"parts": [{"text": "半`)
      // The last character takes three bytes; one of them is missing.
      await answer.wire.raw(event.subarray(0, -1))
      return await answer.wire.cut()
    }
    case 'reset':
      return await answer.reset()
    case 'stall':
      // A model that says nothing sends no head either.
      if (plan.pieces.length > 0) answer.open()
      return await gone(answer.gone)
  }
}

function gone(signal: AbortSignal): Promise<void> {
  return signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
