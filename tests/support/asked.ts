import type { EmulatedRequest } from './emulator.ts'

/** How long the ids at the ends of these texts are. */
const ID_UNITS = 36

/**
 * How often the model was asked each prompt, by the id with which its text ends. The last user's turn holds more than that text: earlier prompts
 * whose replies said nothing, and the speaker's name where there are several.
 */
export function timesAsked(requests: readonly EmulatedRequest[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { prompt } of requests) times.set(idAtEnd(prompt), (times.get(idAtEnd(prompt)) ?? 0) + 1)
  return times
}

export function idAtEnd(text: string): string {
  return text.slice(-ID_UNITS)
}
