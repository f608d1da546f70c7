/**
 * Text as every database and every wire can hold it: well-formed Unicode, no U+0000 (PostgreSQL's text cannot hold one).
 * Each offending code unit becomes U+FFFD, so that lengths and offsets stay what they were.
 */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

/**
 * A name or title as people may choose it: NFC, one line, no control or format characters (bidi overrides among them) but the two joiners
 * that emoji and several scripts need, and those only inside. Empty when nothing visible is left.
 */
export function label(text: string, maxLength: number): string {
  const clean = text
    .toWellFormed()
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, (character) => (JOINER.test(character) ? character : ''))
    .replace(EDGES, '')
  return truncate(clean, maxLength)
}

/** The first words of a text on one line, without the commonest marks of Markdown, for places that have room for one line. */
export function preview(text: string, maxLength: number): string {
  // A few times what is shown: what is taken out has to be replaced, and an answer may be very long.
  const start = truncate(storable(text.trimStart()), maxLength * 4)
  return truncate(unmarked(start).replace(/\s+/gu, ' ').trim(), maxLength)
}

/** A text without the commonest marks of Markdown. */
export function unmarked(text: string): string {
  return text.replace(BLOCK_MARKS, ' ').replace(CODE_MARKS, '$2').replace(STRONG_MARKS, '$2')
}

/** Whether a text addresses the model, where it answers only then. */
export function addressesModel(text: string): boolean {
  return /@gemini\b/i.test(text)
}

const BLOCK_MARKS = /^[ \t]*(?:```.*|~~~.*|#{1,6}[ \t]+|>[ \t]?)/gm
const CODE_MARKS = /(`+)(?!`)(.*?[^`])\1(?!`)/g
const STRONG_MARKS = /(?<![\w*])(\*\*|~~)(?=\S)(.*?\S)\1(?!\w)/g

const JOINER = /[\u200C\u200D]/
const EDGES = /^[\s\u200C\u200D]+|[\s\u200C\u200D]+$/gu

/** The first units of a text, at most `maxLength`, never half of a surrogate pair at its end. */
export function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  const first = text.slice(0, maxLength)
  return /[\uD800-\uDBFF]$/.test(first) ? first.slice(0, -1) : first
}

/** At most `maxLength` units, with a mark that there is more. */
function truncate(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : cut(text, maxLength - 1).trimEnd() + '…'
}
