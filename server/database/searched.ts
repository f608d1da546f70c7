import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { customType } from 'drizzle-orm/pg-core'
import { fold } from '#contract'

/** Of a text that is searched: more of it might not fit a tsvector, and then the message could not be stored at all. */
const CHARACTERS = 64_000

/*
 * How a text is spelled in the index, and a query with it.
 *
 * Marks are blanks. PostgreSQL's parser looks ahead for addresses, hosts, paths, numbers, hyphenated words and tags, from every word anew: on a text
 * of nothing but `a_` that takes time with the square of its length, half a minute of a database that answers nobody. So it sees words and blanks.
 *
 * Letters are small and without accents, as the browser finds them, too. Only a table does that in every database: lower() knows what the database's
 * locale knows, in C the capitals of ASCII alone, and collations and unaccent are not everywhere.
 */

/** Latin with all accents, Greek, Cyrillic, Vietnamese; marks of these, of Chinese and of Japanese. */
const SPELLED = [
  [0x21, 0x7e],
  [0xa0, 0x24f],
  [0x300, 0x52f],
  [0x1e00, 0x1eff],
  [0x2010, 0x206f],
  [0x3000, 0x303f],
  [0xff01, 0xff20],
] as const

/** Which stay as they are. The database looks a character up from the beginning of its table, so the commonest ones stand there. */
const COMMON = ' etaoinshrdlucmfwypvbgkjqxz\n\t0123456789оеаинтсрвлкмдпуяыьгзбчхжшюцщэфъαοιετσνηυρπκμλςγδωθβφχξζψ'

const spellings = new Map(Array.from(COMMON, (character) => [character, character]))
for (const [first, last] of SPELLED) {
  for (let code = first; code <= last; code++) {
    const character = String.fromCharCode(code)
    const spelling = spell(character)
    if (spelling !== character && !spellings.has(character)) spellings.set(character, spelling)
  }
}

/** An accent of its own, a joiner or a hint for hyphens is nothing, between two letters. */
function spell(character: string): string {
  if (/[\p{M}\p{Cf}]/u.test(character)) return ''
  return /[\p{L}\p{N}\p{Cn}]/u.test(character) ? fold(character) : ' '
}

/** What of a text is searched. */
export const part = (text: SQLWrapper) => sql<string>`left(${text}, ${sql.raw(String(CHARACTERS))})`

export const searchedText = customType<{ data: string }>({ dataType: () => 'tsvector' })

/** Its words, by an expression that a column may be made of. */
export function searched(text: SQLWrapper): SQL {
  // What has no counterpart at the end of the other list is left out.
  const table = [...spellings].sort(([, one], [, other]) => Number(one === '') - Number(other === ''))
  const [from, to] = [0, 1].map((side) => literal(table.map((pair) => pair[side]).join('')))
  return sql`to_tsvector('simple'::regconfig, translate(${part(text)}, ${from}, ${to}))`
}

/** The words of a text, spelled as those that are searched, with blanks between them. */
export function spelled(text: string): string {
  return Array.from(text, (character) => spellings.get(character) ?? character)
    .join('')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Not as a parameter, for a column is made of what is written; by its number what nobody sees there, or what a tool may take for something else. */
function literal(text: string): SQL {
  const seen = Array.from(text, (character) => {
    if (character === "'" || character === '\\') return character + character
    const unseen = /(?! )[\p{M}\p{C}\p{Z}]/u.test(character) || character.normalize() !== character
    return unseen ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : character
  })
  return sql.raw(`E'${seen.join('')}'`)
}
