type ModelEntry = { readonly id: string; readonly displayName: string; readonly answers: boolean }

const MODELS: readonly ModelEntry[] = [
  { id: 'gemini-flash-latest', displayName: 'Gemini Flash Latest', answers: true },
  { id: 'gemini-flash-lite-latest', displayName: 'Gemini Flash-Lite Latest', answers: true },
  { id: 'gemini-pro-latest', displayName: 'Gemini Pro Latest', answers: true },
  { id: 'gemini-3.5-flash', displayName: 'Gemini 3.5 Flash', answers: true },
  { id: 'gemini-3.5-flash-lite', displayName: 'Gemini 3.5 Flash-Lite', answers: true },
  { id: 'gemini-3.8-flash', displayName: 'Gemini 3.8 Flash', answers: true },
  { id: 'gemini-3.1-pro-preview', displayName: 'Gemini 3.1 Pro Preview', answers: true },
  { id: 'gemini-embedding-001', displayName: 'Gemini Embedding 001', answers: false },
]
const BEHIND_ALIAS: Record<string, string> = {
  'gemini-flash-latest': 'gemini-3.5-flash',
  'gemini-flash-lite-latest': 'gemini-3.5-flash-lite',
  'gemini-pro-latest': 'gemini-3.1-pro-preview',
}

/** What the API says about a model; undefined: there is none of this name. */
export function describeModel(id: string): object | undefined {
  const model = MODELS.find((entry) => entry.id === id)
  return model && entryOf(model)
}

export function canAnswer(id: string): boolean {
  return MODELS.some((entry) => entry.id === id && entry.answers)
}

/** The `modelVersion` of answers: an alias names the model behind it. */
export function versionOf(id: string): string {
  return BEHIND_ALIAS[id] ?? id
}

/** One page of the list, as `GET /models` answers it. */
export function listModels(pageSize: number, pageToken: string | null): object {
  const from = pageToken === null ? 0 : Number(pageToken.replace('page-', ''))
  const to = from + (pageSize > 0 ? pageSize : 50)
  return { models: MODELS.slice(from, to).map(entryOf), ...(to < MODELS.length && { nextPageToken: `page-${to}` }) }
}

function entryOf(model: ModelEntry): object {
  const name = `models/${model.id}`
  if (!model.answers)
    return {
      name,
      version: '001',
      displayName: model.displayName,
      inputTokenLimit: 2048,
      outputTokenLimit: 1,
      supportedGenerationMethods: ['embedContent', 'countTokens'],
    }
  return {
    name,
    version: '001',
    displayName: model.displayName,
    description: `Emulated ${model.displayName}`,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens', 'createCachedContent', 'batchGenerateContent'],
    temperature: 1,
    topP: 0.95,
    topK: 64,
    maxTemperature: 2,
    thinking: true,
  }
}
