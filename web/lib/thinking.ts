/** What the model is thinking about: the last heading among its thoughts, which are Markdown; null: there is none yet. */
export function lastHeading(thoughts: string): string | null {
  const found = [...thoughts.matchAll(/^\s*(?:#+\s+(.+?)|\*\*(.+?)\*\*)\s*$/gm)].at(-1)
  return found?.[1] ?? found?.[2] ?? null
}
