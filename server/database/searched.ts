import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { customType } from 'drizzle-orm/pg-core'

/** Of a text that is searched: more of it might not fit a tsvector, and then the message could not be stored at all. */
const CHARACTERS = 64_000

/*
 * PostgreSQL's parser looks ahead for addresses, hosts, paths, numbers, hyphenated words and tags, from every word anew: on a text of nothing but
 * `a_` that takes time with the square of its length, half a minute of a database that answers nobody. Without these it sees words and blanks.
 */
const MARKS = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'

/** What of a text is searched. */
export const part = (text: SQLWrapper) => sql<string>`left(${text}, ${sql.raw(String(CHARACTERS))})`

export const searchedText = customType<{ data: string }>({ dataType: () => 'tsvector' })

/** Its words, by an expression that a column may be made of. */
export function searched(text: SQLWrapper): SQL {
  return sql`to_tsvector('simple'::regconfig, translate(${part(text)}, ${literal(MARKS)}, ${literal(' '.repeat(MARKS.length))}))`
}

/** The words of a text, spelled as those that are searched, with blanks between them. */
export function spelled(text: string): string {
  return Array.from(text, (character) => (MARKS.includes(character) ? ' ' : character))
    .join('')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Not as a parameter: a column is made of what is written. */
function literal(text: string): SQL {
  return sql.raw(`'${text.replaceAll("'", "''")}'`)
}
