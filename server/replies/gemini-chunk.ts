import { cut, storable, type Usage } from '#contract'
import { field, listOf, type ProviderError } from './gemini-failure.ts'

/** One event of a stream, reduced to what Confab uses. */
export type Chunk = {
  readonly error: ProviderError | null
  /** Why the prompt was not let through. */
  readonly blockReason: string | null
  readonly parts: readonly { readonly type: 'text' | 'thought'; readonly text: string }[]
  readonly finishReason: string | null
  readonly usage: Usage | null
  readonly model: string | null
}

/**
 * Reads an event by hand. The SDK's own `text()` throws for some finish reasons, is silently empty for others and counts thoughts as
 * text; its types know neither thoughts nor errors in a stream. Kinds of parts that are not known are passed over.
 */
export function readChunk(value: unknown): Chunk {
  const error = field(value, 'error') ?? null
  // A stream of several candidates numbers them; the first one may leave its number out.
  const candidate = listOf(field(value, 'candidates')).find((one) => (field(one, 'index') ?? 0) === 0)
  const parts: { type: 'text' | 'thought'; text: string }[] = []
  for (const part of listOf(field(field(candidate, 'content'), 'parts'))) {
    const text = field(part, 'text')
    if (typeof text === 'string' && text !== '') parts.push({ type: field(part, 'thought') === true ? 'thought' : 'text', text })
  }
  return {
    error:
      error === null
        ? null
        : { status: count(field(error, 'code')) || 500, message: words(field(error, 'message')), details: field(error, 'details') },
    blockReason: reasonOf(field(field(value, 'promptFeedback'), 'blockReason')),
    parts,
    finishReason: reasonOf(field(candidate, 'finishReason')),
    usage: usageOf(field(value, 'usageMetadata')),
    model: cut(storable(words(field(value, 'modelVersion'))), 100) || null,
  }
}

function usageOf(value: unknown): Usage | null {
  if (typeof value !== 'object' || value === null) return null
  const prompt = count(field(value, 'promptTokenCount'))
  const thoughts = count(field(value, 'thoughtsTokenCount'))
  const output = count(field(value, 'candidatesTokenCount')) + thoughts
  return { prompt, output, thoughts, total: count(field(value, 'totalTokenCount')) || prompt + output }
}

/** A name of one of the provider's lists; it reaches the screen, so it must not be a sentence. */
function reasonOf(value: unknown): string | null {
  if (typeof value !== 'string' || value === '' || value.endsWith('_UNSPECIFIED')) return null
  return /^[A-Z0-9_]{1,64}$/.test(value) ? value : 'OTHER'
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
