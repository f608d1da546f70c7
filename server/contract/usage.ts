import type { Usage } from './records.ts'

/** What a reply has cost with one call more. */
export function together(before: Usage | null, call: Usage): Usage {
  if (before === null) return call
  return {
    prompt: before.prompt + call.prompt,
    output: before.output + call.output,
    thoughts: before.thoughts + call.thoughts,
    total: before.total + call.total,
    fills: filled(call),
  }
}

/** Tokens of the context that are taken when a reply has ended: what its last call has read, and what it has said, for the next one reads it. */
export function filled({ prompt, output, thoughts, fills }: Usage): number {
  // Thoughts are not read again.
  return fills ?? prompt + Math.max(0, output - thoughts)
}
