import { label, type ModelFacts, type Thinking } from '#contract'
import { field, listOf } from './gemini-failure.ts'

const GOOGLE = 'https://generativelanguage.googleapis.com'
const PAGE = 100
const MOST_PAGES = 10
const MOST_WORDS = 300

/** The models that write answers, as the API lists them, page by page. Throws when it cannot be asked or answers with a refusal. */
export async function listModels(
  { apiKey, baseUrl }: { readonly apiKey: string; readonly baseUrl: string | null },
  signal: AbortSignal,
): Promise<ModelFacts[]> {
  const found: ModelFacts[] = []
  let token = ''
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = new URLSearchParams({ pageSize: String(PAGE), ...(token === '' ? {} : { pageToken: token }) })
    const address = `${baseUrl ?? GOOGLE}/v1beta/models?${query.toString()}`
    const response = await fetch(address, { headers: { 'x-goog-api-key': apiKey }, signal, redirect: 'error' })
    if (!response.ok) throw new Error(`The list of models was refused with status ${response.status}`)
    const body: unknown = await response.json()
    for (const entry of listOf(field(body, 'models'))) {
      const model = read(entry)
      if (model && found.every(({ id }) => id !== model.id)) found.push(model)
    }
    token = words(field(body, 'nextPageToken'))
    if (token === '') break
  }
  return found
}

/** null: not a model that answers, or not one at all. */
function read(entry: unknown): ModelFacts | null {
  const id = words(field(entry, 'name')).replace(/^models\//, '')
  if (!/^[\w.-]{1,100}$/.test(id) || !listOf(field(entry, 'supportedGenerationMethods')).includes('generateContent')) return null
  const highest = amount(field(entry, 'maxTemperature')) ?? 2
  return {
    id,
    name: label(words(field(entry, 'displayName')), MOST_WORDS) || id,
    description: label(words(field(entry, 'description')), MOST_WORDS),
    inputTokens: tokens(field(entry, 'inputTokenLimit')),
    outputTokens: tokens(field(entry, 'outputTokenLimit')),
    thinking: field(entry, 'thinking') === true,
    temperature: amount(field(entry, 'temperature')),
    maxTemperature: Math.min(highest, 2),
  }
}

/** Older models are told how many tokens they may think for, the others how hard. Both at once are refused. */
export function thinkingConfig(model: string, thinking: Thinking | null): { thinkingBudget?: number; thinkingLevel?: string } {
  if (thinking === null) return {}
  if (model.includes('gemini-2.5')) {
    // The bigger one cannot do without.
    const least = model.includes('pro') ? 128 : 0
    return { thinkingBudget: { minimal: least, low: 1_024, medium: 8_192, high: 24_576 }[thinking] }
  }
  // Not every model knows of MINIMAL, and those that do not refuse the request; LOW is known to all of them.
  const level = thinking === 'minimal' && /pro|3\.[89]/.test(model) ? 'low' : thinking
  return { thinkingLevel: level.toUpperCase() }
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function amount(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null
}

function tokens(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}
