import { cut, unmarked } from './text.ts'

/** One thing to find: a word or, in quotes, words in a row. `open`: it may go on, for it is still being written. Folded. */
export type Term = { readonly text: string; readonly open: boolean }
/** Part of a text, and what of it was found: pairs of [start, end), in UTF-16 units of the part. */
export type Snippet = { text: string; ranges: [number, number][] }

const TERMS = 16
const SNIPPET_UNITS = 180
/** Of a snippet, before the first thing found. */
const LEAD_UNITS = 60
const RANGES = 12

const folded = new Map<string, string>()

/** A text as it is searched: lower case without accents, unit for unit as long as the text is in NFC. */
export function fold(text: string): string {
  // Only what is not ASCII costs more than one pass.
  return text
    .normalize('NFC')
    .toWellFormed()
    .replace(/[^\0-\x7f]/gu, foldOne)
    .replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase())
}

function foldOne(character: string): string {
  let plain = folded.get(character)
  if (plain === undefined) {
    plain = character.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
    // A place in the folded text has to be the same place in the text.
    if (plain.length !== character.length) plain = character
    if (folded.size < 10_000) folded.set(character, plain)
  }
  return plain
}

/** What somebody looks for: words, all of them, and phrases in quotes. */
export function terms(query: string): Term[] {
  const found: Term[] = []
  for (const [, phrase, word] of query.matchAll(/"([^"]*)"?|([^\s"]+)/g)) {
    const text = fold(phrase ?? word ?? '')
      .replace(/\s+/g, ' ')
      .trim()
    if (text !== '' && found.length < TERMS) found.push({ text, open: false })
  }
  const last = found.at(-1)
  return last && /[^\s"]$/.test(query) ? [...found.slice(0, -1), { ...last, open: true }] : found
}

/** The part of a text around the first thing that was found in it, on one line. */
export function snippet(text: string, looked: readonly Term[]): Snippet {
  const whole = text.normalize('NFC').toWellFormed()
  const plain = fold(whole)
  const first = Math.min(...looked.map((term) => placeOf(plain, term)).filter((at) => at >= 0))
  let start = Number.isFinite(first) ? Math.max(0, first - LEAD_UNITS) : 0
  // From the beginning of a word, where there is one.
  if (start > 0) start = Math.max(start, Math.min(first, whole.indexOf(' ', start) + 1))
  // Without halves of characters of two units.
  const around = cut(whole.slice(start), SNIPPET_UNITS).replace(/^[\uDC00-\uDFFF]/, '')
  const part = unmarked(around).replace(/\s+/g, ' ')
  const shown = `${start > 0 ? '… ' : ''}${part}${start + SNIPPET_UNITS < whole.length ? ' …' : ''}`
  return { text: shown, ranges: rangesOf(shown, looked) }
}

/** Where a text has what is looked for: in order, none over another. */
export function rangesOf(text: string, looked: readonly Term[]): [number, number][] {
  const plain = fold(text)
  const all: [number, number][] = []
  for (const { text: term } of looked) {
    for (let at = plain.indexOf(term); at >= 0 && all.length < RANGES * TERMS; at = plain.indexOf(term, at + term.length))
      all.push([at, at + term.length])
  }
  const ranges: [number, number][] = []
  for (const [start, end] of all.sort(([one], [other]) => one - other)) {
    const before = ranges.at(-1)
    if (before && start <= before[1]) before[1] = Math.max(before[1], end)
    else if (ranges.length < RANGES) ranges.push([start, end])
  }
  return ranges
}

/** Where a folded text has a term, rather at the beginning of a word; -1: nowhere. */
export function placeOf(plain: string, { text }: Term): number {
  const first = plain.indexOf(text)
  for (let at = first, tries = 0; at >= 0 && tries < 8; at = plain.indexOf(text, at + 1), tries++) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(plain.charAt(at - 1))) return at
  }
  return first
}
