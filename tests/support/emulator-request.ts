import { badPayload, invalid, type Refusal, type Violation } from './emulator-errors.ts'

/** What the emulator understands of a request for content. */
export type Ask = {
  readonly turns: readonly { readonly role: string; readonly text: string }[]
  readonly instructions: string
  readonly includeThoughts: boolean
  readonly candidates: number
}

const words = (text: string) => new Set(text.split(' '))
const REQUEST = words(
  'model contents tools toolConfig safetySettings systemInstruction generationConfig cachedContent serviceTier store labels',
)
const COUNT = words('contents generateContentRequest model')
const CONTENT = words('role parts')
const PART = words(
  'text inlineData fileData functionCall functionResponse executableCode codeExecutionResult thought thoughtSignature videoMetadata partMetadata mediaResolution toolCall toolResponse',
)
const SETTINGS = words(
  'candidateCount stopSequences maxOutputTokens temperature topP topK seed responseMimeType responseSchema responseJsonSchema responseModalities presencePenalty frequencyPenalty responseLogprobs logprobs enableEnhancedCivicAnswers speechConfig thinkingConfig imageConfig mediaResolution',
)
const THINKING = words('includeThoughts thinkingBudget thinkingLevel')
const DATA = [...PART].filter((name) => !['thought', 'thoughtSignature', 'videoMetadata', 'partMetadata', 'mediaResolution'].includes(name))

type Json = Record<string, unknown>

/** Reads a request as Google's endpoint does: unknown names, wrong roles and missing contents are refused. */
export function readAsk(body: string, model: string, action: string): Ask | Refusal {
  const parsed = parse(body)
  if (parsed === null) return invalid('Invalid JSON payload received. Unexpected token.')
  const violations: Violation[] = []
  const top = action === 'countTokens' && isObject(parsed.generateContentRequest) ? parsed.generateContentRequest : parsed
  known(parsed, action === 'countTokens' ? COUNT : REQUEST, '', violations)
  if (top !== parsed) known(top, REQUEST, 'generate_content_request', violations)

  const contents = list(top.contents)
  const instructions = object(camel(top).systemInstruction)
  const settings = object(camel(top).generationConfig)
  const thinking = object(camel(settings).thinkingConfig)
  contents.forEach((content, at) => checkContent(content, `contents[${at}]`, violations))
  checkContent(instructions, 'system_instruction', violations)
  known(settings, SETTINGS, 'generation_config', violations)
  known(thinking, THINKING, 'generation_config.thinking_config', violations)
  if (violations.length > 0) return badPayload(violations)

  return (
    refused(contents, camel(thinking), model) ?? {
      turns: contents.map((content) => ({ role: content.role === 'model' ? 'model' : 'user', text: textOf(content) })),
      instructions: textOf(instructions),
      includeThoughts: camel(thinking).includeThoughts === true,
      candidates: Number(camel(settings).candidateCount ?? 1),
    }
  )
}

function refused(contents: readonly Json[], thinking: Json, model: string): Refusal | null {
  if (contents.length === 0) return invalid('* GenerateContentRequest.contents: contents is not specified\n')
  for (const [at, content] of contents.entries()) {
    if (content.role !== undefined && content.role !== 'user' && content.role !== 'model')
      return invalid('Please use a valid role: user, model.')
    if (list(content.parts).length === 0)
      return invalid(`* GenerateContentRequest.contents[${at}].parts: contents.parts must not be empty.\n`)
    const empty = list(content.parts).findIndex((part) => !DATA.some((name) => camel(part)[name] !== undefined))
    if (empty >= 0) {
      return invalid(
        `* GenerateContentRequest.contents[${at}].parts[${empty}].data: required oneof field 'data' must have one initialized field\n`,
      )
    }
  }
  if (thinking.thinkingLevel !== undefined && thinking.thinkingBudget !== undefined) {
    return invalid('You can only set one of thinking budget and thinking level.')
  }
  if (model.includes('3.8') && String(thinking.thinkingLevel).toLowerCase() === 'minimal') {
    return invalid('Thinking level MINIMAL is not supported for this model.')
  }
  return null
}

function checkContent(content: Json, path: string, violations: Violation[]): void {
  known(content, CONTENT, path, violations)
  list(content.parts).forEach((part, at) => known(part, PART, `${path}.parts[${at}]`, violations))
}

function known(value: Json, names: ReadonlySet<string>, path: string, violations: Violation[]): void {
  for (const name of Object.keys(value)) {
    if (names.has(camelCase(name))) continue
    const where = path === '' ? '' : ` at '${path}'`
    violations.push({ field: path, description: `Invalid JSON payload received. Unknown name "${name}"${where}: Cannot find field.` })
  }
}

function textOf(content: Json): string {
  return list(content.parts)
    .map((part) => (typeof part.text === 'string' && part.thought !== true ? part.text : ''))
    .join('')
}

function parse(body: string): Json | null {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function object(value: unknown): Json {
  return isObject(value) ? value : {}
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(object) : []
}

/** Both spellings of a name are good: that of the JSON and that of the protocol buffer. */
function camel(value: Json): Json {
  return Object.fromEntries(Object.entries(value).map(([name, content]) => [camelCase(name), content]))
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
