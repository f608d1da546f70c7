const COLOURS = 8

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters = words.length > 1 ? [firstGraphemes(words[0], 1), firstGraphemes(words.at(-1), 1)] : [firstGraphemes(words[0], 2)]
  return letters.join('').toUpperCase() || '?'
}

/** 0 to 7, always the same for the same id. */
export function colourOf(id: string): number {
  let hash = 0
  for (let index = 0; index < id.length; index++) hash = (hash * 31 + id.charCodeAt(index)) >>> 0
  return hash % COLOURS
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function firstGraphemes(word: string | undefined, count: number): string {
  const found: string[] = []
  for (const { segment } of graphemes.segment(word ?? '')) {
    found.push(segment)
    if (found.length === count) break
  }
  return found.join('')
}
