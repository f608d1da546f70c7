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

/** The first line of a text, for places that have room for one. */
export function preview(text: string, maxLength: number): string {
  return truncate(storable(text).replace(/\s+/gu, ' ').trim(), maxLength)
}

const JOINER = /[\u200C\u200D]/
const EDGES = /^[\s\u200C\u200D]+|[\s\u200C\u200D]+$/gu

/** At most `maxLength` units, never half of a surrogate pair. */
function truncate(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  const cut = text.slice(0, maxLength - 1)
  return (/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut).trimEnd() + '…'
}
