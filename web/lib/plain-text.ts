/** A piece of what a person wrote, shown as it is written; only code and addresses are set apart. */
export type Piece =
  | { kind: 'text'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'code'; text: string }
  | { kind: 'fence'; text: string; language: string }

const FENCE = /^(```|~~~)([^\n`]*)\n([\s\S]*?)(?:\n\1[ \t]*(?:\n|$)|$(?![\s\S]))/gm
// Every length is bounded: what a stranger writes must not keep the page from answering.
const INLINE = /(`{1,16})([^`\n]|[^`\n][^\n]{0,2000}?[^`])\1(?!`)|\bhttps?:\/\/[^\s<>"'`]{1,2048}/g

export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let end = 0
  for (const match of text.matchAll(FENCE)) {
    found.push(...inline(text.slice(end, match.index).replace(/\n$/, '')))
    found.push({ kind: 'fence', language: match[2]?.trim() ?? '', text: match[3] ?? '' })
    end = match.index + match[0].length
  }
  found.push(...inline(text.slice(end)))
  return found
}

function inline(text: string): Piece[] {
  const found: Piece[] = []
  let end = 0
  const put = (until: number) => until > end && found.push({ kind: 'text', text: text.slice(end, until) })
  for (const match of text.matchAll(INLINE)) {
    const piece = match[2] === undefined ? link(match[0]) : ({ kind: 'code', text: match[2], length: match[0].length } as const)
    if (!piece) continue
    put(match.index)
    const { length, ...rest } = piece
    found.push(rest)
    end = match.index + length
  }
  put(text.length)
  return found
}

function link(found: string): (Piece & { kind: 'link'; length: number }) | null {
  const text = found.slice(0, endOfAddress(found))
  return URL.canParse(text) ? { kind: 'link', text, href: new URL(text).href, length: text.length } : null
}

/** A full stop or bracket after an address belongs to the sentence, unless the bracket was opened inside the address. */
function endOfAddress(found: string): number {
  let open = 0
  for (const character of found) open += character === '(' ? 1 : character === ')' ? -1 : 0
  let end = found.length
  for (; end > 0; end--) {
    const last = found[end - 1] ?? ''
    if (last === ')' && open < 0) open++
    else if (!'.,;:!?*_~'.includes(last)) break
  }
  return end
}
