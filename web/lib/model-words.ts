import type { ModelFacts } from '#contract'
import { roughly } from './context.ts'

type Named = { readonly models: readonly ModelFacts[]; readonly standard: string }

/** What people call a model; its id where nothing more is known. */
export function modelTitle(id: string, list: Named | undefined): string {
  return list?.models.find((model) => model.id === id)?.name ?? id
}

/** What a model can do, a few words each. */
export function abilities({ inputTokens, outputTokens, thinking }: ModelFacts): string[] {
  return [
    ...(inputTokens === null ? [] : [`reads ${roughly(inputTokens)} tokens`]),
    ...(outputTokens === null ? [] : [`writes ${roughly(outputTokens)}`]),
    ...(thinking ? ['thinks'] : []),
  ]
}
