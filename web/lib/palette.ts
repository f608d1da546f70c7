import { fold, rangesOf, terms } from '#contract'

/** What a name has of what is looked for, as ranges; null: not all of it. With nothing looked for, every name has it. */
function nameRanges(name: string, query: string): [number, number][] | null {
  const looked = terms(query)
  const plain = fold(name)
  return looked.every(({ text }) => plain.includes(text)) ? rangesOf(name, looked) : null
}

/** The first things whose names have all of what is looked for, each with its name and what of that was found. */
export function matching<T>(
  things: readonly T[],
  nameOf: (thing: T) => string,
  query: string,
  most: number,
): [T, string, [number, number][]][] {
  const found: [T, string, [number, number][]][] = []
  for (const thing of things) {
    const name = nameOf(thing)
    const ranges = nameRanges(name, query)
    if (ranges) found.push([thing, name, ranges])
    if (found.length === most) break
  }
  return found
}

/** The id of the choice that a key leads to; null: the key does something else. From the last one the first follows. */
export function nextChoice(ids: readonly string[], active: string | undefined, key: string): string | null {
  const at = ids.indexOf(active ?? '')
  const step = STEPS.get(key)
  if (step === undefined || ids.length === 0) return null
  const to = at + step
  // A page stops at the ends, an arrow goes around.
  const inside = Math.abs(step) === 1 ? (to + ids.length) % ids.length : Math.min(Math.max(to, 0), ids.length - 1)
  return ids[inside] ?? null
}

const STEPS = new Map([
  ['ArrowDown', 1],
  ['ArrowUp', -1],
  ['PageDown', 8],
  ['PageUp', -8],
])
