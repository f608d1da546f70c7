/** A command that is being written at the start of the composer. `rest`: what stands behind its word; null: nothing yet, not even a space. */
export type Slash = { readonly word: string; readonly rest: string | null }

const WORD_LENGTH = 40

/** Commands that go on behind a space. Of every other word a space makes a text. */
const WITH_WORDS = new Set(['rename'])

/** The command that a text begins; null: it is a text. */
export function slashOf(text: string): Slash | null {
  const [, word, rest = null] = /^\/([\p{L}\p{N}_-]{0,40})(?: ([^\n]*))?$/u.exec(text) ?? []
  if (word === undefined || (rest !== null && !WITH_WORDS.has(word.toLowerCase()))) return null
  return { word, rest }
}

/** Things that fit a word: those whose own word begins with it before those that have it in their name. */
export function fitting<T extends { slash: string; name: string }>(things: readonly T[], { word, rest }: Slash): T[] {
  const looked = word.toLowerCase()
  if (rest !== null) return things.filter(({ slash }) => slash === looked)
  const begins = things.filter(({ slash }) => slash.startsWith(looked))
  const named = things.filter((thing) => !begins.includes(thing) && wordsOf(thing.name).some((part) => part.startsWith(looked)))
  return [...begins, ...named]
}

/** The word by which a thing of that name is found. */
export function slashWord(name: string): string {
  return wordsOf(name).filter(Boolean).join('-').slice(0, WORD_LENGTH)
}

const wordsOf = (name: string): string[] => name.toLowerCase().split(/[^\p{L}\p{N}]+/u)
