import { type Static, Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'
import { procedure } from './procedure.ts'
import { Id, oneOf, Revision, strict, Time } from './records.ts'

/** A message that was found. */
export const SearchHit = strict({
  messageId: Id,
  conversationId: Id,
  position: Revision,
  kind: oneOf('prompt', 'note', 'reply'),
  /** Who wrote it; of a reply the model, empty where that is not known. */
  author: Type.String(),
  createdAt: Time,
  /** `ranges`: what of the text was found, as [start, end) in UTF-16 units. */
  snippet: strict({ text: Type.String(), ranges: Type.Array(Type.Tuple([Type.Integer(), Type.Integer()])) }),
})
export type SearchHit = Static<typeof SearchHit>

export const search = {
  /**
   * Messages of the caller's rooms that have every word of the query, newest first; the last word may be the beginning of one, and words in quotes, or
   * with marks between them, stand in a row. Case and accents do not count. Of a text its first 64,000 characters are searched, and for words in a row
   * no more than its first 16,000 words and the first 256 places of each. Replies that are being written are left out. `before`: the last hit of the
   * page before. A person is answered one search at a time: one more waits, and gives up its place to the next one, RATE_LIMITED.
   */
  messages: procedure(
    strict({
      query: Type.String({ minLength: 1, maxLength: LIMITS.queryLength }),
      limit: Type.Integer({ minimum: 1, maximum: LIMITS.searchHits }),
      before: Type.Optional(strict({ createdAt: Time, messageId: Id })),
    }),
    strict({ hits: Type.Array(SearchHit), more: Type.Boolean() }),
  ),
}
