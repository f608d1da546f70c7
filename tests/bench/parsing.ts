import { GrowingMarkdown, markdownToHtml } from '../../web/lib/markdown.ts'
import { answerText } from './feel-room.ts'
import { quantile } from './figures.ts'

const UNITS_PER_TOKEN = 4
const PIECE = 16

/** What it costs to render a text at each of its chunks: only what grows (the product), and the whole of it each time (the baseline). */
export function parsing(options: { tokens: readonly [number, number]; rounds: number }): string {
  const [small, large] = options.tokens.map((tokens) => answerText(tokens * UNITS_PER_TOKEN))
  if (small === undefined || large === undefined) throw new Error('two sizes')
  const times = { small: [] as number[], large: [] as number[], whole: [] as number[] }
  for (let round = 0; round <= options.rounds; round++) {
    const [a, b] = [timed(() => growing(small)), timed(() => growing(large))]
    // It takes long, and what takes long varies little.
    const c = round <= 3 ? timed(() => whole(large)) : 0
    if (round === 0) continue
    times.small.push(a)
    times.large.push(b)
    if (c > 0) times.whole.push(c)
  }
  const [a, b, c] = [times.small, times.large, times.whole].map((list) => quantile(list, 0.5))
  if (a === undefined || b === undefined || c === undefined) throw new Error('three figures')
  return [
    `Parsing while an answer is written, ${PIECE} code units at a time, ms in all: median`,
    `  ${options.tokens[0]} tokens ${a.toFixed(1)}, ${options.tokens[1]} tokens ${b.toFixed(1)}: ${(b / a).toFixed(2)} times (aim 4.5)`,
    `  ${options.tokens[1]} tokens, the whole at every chunk (baseline) ${c.toFixed(0)}: ${(c / b).toFixed(0)} times as much (aim 50)`,
  ].join('\n')
}

function growing(text: string): void {
  const view = new GrowingMarkdown()
  for (let at = 0; at < text.length; at += PIECE) view.update(text.slice(0, at + PIECE))
  markdownToHtml(text)
}

function whole(text: string): void {
  for (let at = 0; at < text.length; at += PIECE) markdownToHtml(text.slice(0, at + PIECE))
}

function timed(work: () => void): number {
  const startedAt = performance.now()
  work()
  return performance.now() - startedAt
}
