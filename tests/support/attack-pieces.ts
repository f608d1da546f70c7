import { Marked } from 'marked'
import { isTooDeep } from '../../web/lib/markdown.ts'
import type { Attack } from './attacks.ts'
import type { Dice } from './dice.ts'

const marked = new Marked({ gfm: true })
/** What may end a block that a text has left open, or take the start of the next one for itself. */
const ENDS = ['', '</script>', '</pre>', '</style>', '</textarea>', '-->', '?>', ']]>', '\n```', '\n````', '\n~~~', '>']

/** The text that has to come after another so that what follows is a block of its own; null: nothing does. */
export function endOf(text: string): string | null {
  return ENDS.map((end) => `${end}\n\n`).find((end) => marked.lexer(`${text}${end}END`).at(-1)?.raw === 'END') ?? null
}

/** Texts of several attacks, each of which begins a block, and those after which no block begins alone. */
export function inBatches(attacks: readonly Attack[], size: number): { text: string; starts: number[] }[] {
  const batches: { text: string; starts: number[] }[] = []
  let text = ''
  let starts: number[] = []
  const close = () => {
    if (text !== '') batches.push({ text: text.trimEnd(), starts })
    text = ''
    starts = []
  }
  // One that is shown as it is written takes with it whatever stands beside it.
  const { asWritten = [], rendered = [] } = Object.groupBy(attacks, (attack) => (isTooDeep(attack.text) ? 'asWritten' : 'rendered'))
  for (const group of [rendered, asWritten]) {
    for (const attack of group) {
      starts.push(text.length)
      const end = endOf(attack.text)
      text += attack.text + (end ?? '')
      if (end === null || starts.length === size) close()
    }
    close()
  }
  return batches
}

/** A text in pieces: each of its parts is cut once, half of them where something may just have begun. */
export function cutInside({ text, starts }: { text: string; starts: readonly number[] }, chance: Dice): string[] {
  const cuts = starts.map((start, index) => {
    const part = text.slice(start, starts[index + 1] ?? text.length)
    const telling = [...part.matchAll(/[<="'([:/!`&]/g)].map(({ index: at }) => start + at + 1)
    return chance.below(2) === 0 && telling.length > 0 ? chance.pick(telling) : start + 1 + chance.below(Math.max(1, part.length - 1))
  })
  return cutAt(text, cuts)
}

/** A text in pieces, none of which ends inside of a character. */
export function cutAt(text: string, cuts: Iterable<number>): string[] {
  const places = [...new Set(cuts)]
    .filter((at) => at > 0 && at < text.length && !/[\uD800-\uDBFF]/.test(text[at - 1] ?? ''))
    .sort((a, b) => a - b)
  return [0, ...places].map((from, index) => text.slice(from, places[index] ?? text.length))
}
