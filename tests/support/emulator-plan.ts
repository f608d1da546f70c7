import * as errors from './emulator-errors.ts'
import { cutText, markdown, SAMPLES, seedOf } from './emulator-text.ts'

/** How an answer ends. */
export type Ending =
  | { readonly kind: 'finish' | 'block'; readonly reason: string }
  | { readonly kind: 'fail'; readonly refusal: errors.Refusal }
  /** end: without a finish reason; stall: never; cut, utf8: inside of an event, of a character; reset: TCP RST. */
  | { readonly kind: 'end' | 'stall' | 'cut' | 'utf8' | 'reset' }
  /** An error page that is not from Google. */
  | { readonly kind: 'html' }

/** What the emulated model does with a prompt. */
export type Plan = {
  readonly thoughts: readonly string[]
  readonly pieces: readonly string[]
  readonly ending: Ending
  /** Before the first byte. */
  readonly delayMs: number
  /** From one chunk to the next. */
  readonly everyMs: number
  /** Events leave in pieces of so many bytes; 0: whole. */
  readonly sliceBytes: number
  /** Every piece begins with the time at which it was sent. */
  readonly stamped: boolean
  readonly oddity: 'two' | 'parts' | 'stops' | null
}

/** The words for the emulator that a prompt may contain, for people. */
export const WORDS: readonly (readonly [word: string, meaning: string])[] = [
  ['slow', 'a chunk every 300 ms'],
  ['long', 'about 65,000 tokens'],
  ['code | cjk | emoji | rtl | list | spaces', 'a text of that kind'],
  ['echo', 'the prompt itself'],
  ['surrogates', 'every UTF-16 unit in a chunk of its own'],
  ['bytes', 'events arrive in pieces of 7 bytes'],
  ['thoughts', 'thought parts before the answer'],
  ['two | parts | stops', 'two candidates; unknown kinds of parts; a finish reason with every chunk'],
  ['max', 'ends at the length limit'],
  ['blocked', 'the prompt is blocked'],
  [
    'safety | recitation | language | blocklist | prohibited | spii | other | malformed | unknown',
    'ends with that finish reason after some text',
  ],
  ['429 | 429-day | 429-plain | 402', 'a quota of a minute, of a day, without a retry delay, of money'],
  ['400 | region | 401 | 403 | 404 | 500 | 503 | 504 | html', 'refused with that status; html: by a proxy'],
  ['503-once | 429-once', 'refused the first time, answered when asked again'],
  ['429=S | 429-once=S', 'with another delay than 31 seconds'],
  ['error | error-429', 'an error event after some text'],
  ['cut | utf8 | reset | end', 'breaks off: in an event, in a character, by a TCP reset, without a finish reason'],
  ['reset-first | cut-first', 'the connection goes before the first byte'],
  ['stall | silent', 'stops for ever after some text; says nothing at all'],
  ['hand', 'waits for a test to drive it'],
  ['chunks=200 every=5 size=20 units=5000 delay=300 seed=7', 'shape and pace of the answer, in milliseconds and UTF-16 units'],
  ['stamped', 'every chunk begins with @<milliseconds since 1970>'],
]

const REASONS: Record<string, string> = {
  max: 'MAX_TOKENS',
  safety: 'SAFETY',
  recitation: 'RECITATION',
  language: 'LANGUAGE',
  blocklist: 'BLOCKLIST',
  prohibited: 'PROHIBITED_CONTENT',
  spii: 'SPII',
  other: 'OTHER',
  malformed: 'MALFORMED_FUNCTION_CALL',
  unknown: 'A_REASON_OF_NEXT_YEAR',
}
const BREAKS = ['end', 'stall', 'cut', 'utf8', 'reset'] as const
const SAMPLE_NAMES = ['code', 'cjk', 'emoji', 'rtl', 'list', 'spaces'] as const
const PIECES_BEFORE_BREAK = 5
/** Odd, so that borders between equal pieces fall inside of surrogate pairs. */
const UNITS_PER_CHUNK = 25
const USUAL_UNITS = 400
const LONG_UNITS = 260_000
const THOUGHTS = [
  '**Reading the question**\n\nThe person asks something. I weigh what they may want to know.',
  '**Writing it down**\n\nA short answer is best.',
]

/** The words in the last paragraph of a prompt: an earlier prompt that failed may stand before it in the same turn. */
export function wordsOf(prompt: string): Map<string, string> {
  const words = new Map<string, string>()
  const paragraph = prompt.trimEnd().split('\n\n').at(-1) ?? ''
  for (const [, inside = ''] of paragraph.matchAll(/\[\[([^\][]*)\]\]/g)) {
    for (const word of inside.trim().split(/\s+/)) {
      const [name = '', value = ''] = word.split('=')
      words.set(name, value)
    }
  }
  return words
}

/** What happens for a prompt, the same in every process. `attempt` counts from 1 how often this very prompt was asked. */
export function planOf(prompt: string, model: string, attempt: number): Plan {
  const words = wordsOf(prompt)
  const number = (name: string) => (words.has(name) ? Number(words.get(name)) || 0 : null)
  const seed = number('seed') ?? seedOf(prompt)
  const ending = endingOf(words, model, attempt)
  const whole = ending.kind === 'finish' && (ending.reason === 'STOP' || ending.reason === 'MAX_TOKENS')
  const chunks = number('chunks')
  const halves = words.has('surrogates')
  const text = textOf(words, prompt, seed, number('units') ?? (chunks ?? 0) * UNITS_PER_CHUNK)
  const pieces = chunks === null ? cutText(text, seed, halves ? 1 : number('size')) : equalPieces(text, chunks, halves)
  return {
    thoughts: words.has('thoughts') ? THOUGHTS : [],
    pieces: isMute(ending, words) ? [] : whole ? pieces : pieces.slice(0, chunks ?? PIECES_BEFORE_BREAK),
    ending,
    delayMs: number('delay') ?? 0,
    everyMs: number('every') ?? (words.has('slow') ? 300 : words.has('long') || words.has('surrogates') ? 2 : 15),
    sliceBytes: words.has('bytes') ? 7 : 0,
    stamped: words.has('stamped'),
    oddity: (['two', 'parts', 'stops'] as const).find((word) => words.has(word)) ?? null,
  }
}

/** True when nothing is said before the ending. */
function isMute(ending: Ending, words: ReadonlyMap<string, string>): boolean {
  if (ending.kind === 'fail') return !words.has('error') && !words.has('error-429')
  return ending.kind === 'block' || ending.kind === 'html' || ['silent', 'reset-first', 'cut-first'].some((word) => words.has(word))
}

function endingOf(words: ReadonlyMap<string, string>, model: string, attempt: number): Ending {
  const refusal = refusalOf(words, model, attempt)
  if (refusal) return { kind: 'fail', refusal }
  if (words.has('html')) return { kind: 'html' }
  if (words.has('blocked')) return { kind: 'block', reason: 'PROHIBITED_CONTENT' }
  if (words.has('silent')) return { kind: 'stall' }
  if (words.has('reset-first')) return { kind: 'reset' }
  if (words.has('cut-first')) return { kind: 'cut' }
  const broken = BREAKS.find((kind) => words.has(kind))
  if (broken) return { kind: broken }
  const reason = Object.keys(REASONS).find((word) => words.has(word))
  return { kind: 'finish', reason: REASONS[reason ?? ''] ?? 'STOP' }
}

function refusalOf(words: ReadonlyMap<string, string>, model: string, attempt: number): errors.Refusal | null {
  const seconds = Number(words.get('429') || words.get('429-once')) || 31
  const minute = () => errors.quota('Minute', model, seconds, `${seconds}s`)
  const refusals: Record<string, () => errors.Refusal> = {
    '429': minute,
    'error-429': minute,
    '429-plain': () => errors.quota('Minute', model, 12.5, null),
    '429-day': () => errors.quota('Day', model, 51_820.638305887, '51820.638305887s'),
    '402': errors.prepaidUsedUp,
    '400': () => errors.invalid('Request contains an invalid argument.'),
    region: errors.region,
    '401': () => errors.refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
    '403': errors.leakedKey,
    '404': () => errors.unknownModel(model, 'v1beta', 'generateContent'),
    '500': errors.internal,
    '503': errors.overloaded,
    error: errors.overloaded,
    '504': errors.deadline,
    ...(attempt === 1 && { '503-once': errors.overloaded, '429-once': minute }),
  }
  for (const word of words.keys()) {
    const found = refusals[word]
    if (found) return found()
  }
  return null
}

/** A text of the kind that was asked for, of at least `units` where that is possible. */
function textOf(words: ReadonlyMap<string, string>, prompt: string, seed: number, units: number): string {
  if (words.has('echo')) return prompt.replace(/\[\[[^\][]*\]\]/g, '').trim()
  const kind = words.has('surrogates') ? 'emoji' : SAMPLE_NAMES.find((name) => words.has(name))
  if (kind === undefined) return markdown(seed, units || (words.has('long') ? LONG_UNITS : USUAL_UNITS))
  const sample = SAMPLES[kind]
  return Array.from({ length: Math.max(1, Math.ceil(units / sample.length)) }, () => sample).join('\n\n')
}

/** Exactly `count` pieces; with `halves` the borders fall inside of characters, too. */
function equalPieces(text: string, count: number, halves: boolean): string[] {
  const characters = halves ? text.split('') : Array.from(text)
  const at = (index: number) => Math.floor((index * characters.length) / count)
  return Array.from({ length: count }, (_, index) => characters.slice(at(index), at(index + 1)).join(''))
}
