import type { Message, ModelFacts, Usage } from '#contract'

/** How full the context was when the model was asked last, of what it takes. */
export type Fullness = { readonly used: number; readonly most: number; readonly percent: number }

/** The last reply that was counted says it; null: nobody knows. */
export function fullness(usage: Usage | null, facts: ModelFacts | undefined): Fullness | null {
  const most = facts?.inputTokens ?? null
  if (usage === null || most === null) return null
  return { used: usage.prompt, most, percent: Math.min(100, Math.round((usage.prompt / most) * 100)) }
}

/** Of these messages, oldest first, what the newest counted reply has cost. */
export function lastUsage(messages: readonly Message[]): Usage | null {
  const found = messages.findLast((message) => message.kind === 'reply' && message.usage !== null)
  return found?.kind === 'reply' ? found.usage : null
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
