import { filled, type Message, type ModelFacts, type Reply } from '#contract'

/** How full the context is for the next question, in tokens, of what the server sends along; `omitted`: messages that were left out of the last one. */
export type Fullness = { readonly used: number; readonly most: number; readonly percent: number; readonly omitted: number }

/** The last reply that was counted says it; null: nobody knows. */
export function fullness(last: Pick<Reply, 'usage' | 'omitted'> | null, facts: ModelFacts | undefined): Fullness | null {
  if (!last?.usage || !facts) return null
  const used = filled(last.usage)
  const share = Math.round((used / facts.contextTokens) * 100)
  // What a token is worth is a guess until something had to be left out.
  return { used, most: facts.contextTokens, percent: last.omitted > 0 ? 100 : Math.min(99, share), omitted: last.omitted }
}

/** What the replies among these messages have cost together. */
export function tokensOf(messages: readonly Message[]): { asked: number; said: number } {
  const sum = { asked: 0, said: 0 }
  for (const message of messages) {
    if (message.kind !== 'reply' || message.usage === null) continue
    sum.asked += message.usage.prompt
    sum.said += message.usage.output
  }
  return sum
}

/** 1 M, 128 k, 900: a number of tokens at a glance. */
export function roughly(tokens: number): string {
  if (tokens >= 1_000_000) return `${Number((tokens / 1_000_000).toFixed(1))} M`
  return tokens >= 1_000 ? `${Math.round(tokens / 1_000)} k` : String(tokens)
}
