import type { SearchHit } from '#contract'

export type Piece = { readonly text: string; readonly found: boolean }

/** What the device and the server have found, each message once: the device's first, for they are there already and must not move. */
export function mergeHits(here: readonly SearchHit[], there: readonly SearchHit[], limit: number): SearchHit[] {
  const ids = new Set(here.map(({ messageId }) => messageId))
  return [...here, ...there.filter(({ messageId }) => !ids.has(messageId))].slice(0, limit)
}

/** A text in pieces: what was found, and what is between. */
export function pieces(text: string, ranges: readonly (readonly [number, number])[]): Piece[] {
  const made: Piece[] = []
  let at = 0
  for (const [start, end] of ranges) {
    if (start > at) made.push({ text: text.slice(at, start), found: false })
    made.push({ text: text.slice(start, end), found: true })
    at = end
  }
  if (at < text.length) made.push({ text: text.slice(at), found: false })
  return made
}
