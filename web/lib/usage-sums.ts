import type { UsageRow } from '#contract'

const DAY_MS = 86_400_000

/** What was used of something, in tokens; `calls`: how often the model was asked. */
export type Sum = { key: string; name: string; calls: number; prompt: number; output: number; total: number }

export type Grouping = 'person' | 'room' | 'model'

/** The sums of one kind, the largest first. Together they are what the rows are. */
export function sums(rows: readonly UsageRow[], by: Grouping): Sum[] {
  const found = new Map<string, Sum>()
  for (const row of rows) {
    const { key, name } = subject(row, by)
    const sum = found.get(key) ?? { key, name, calls: 0, prompt: 0, output: 0, total: 0 }
    sum.calls += row.calls
    sum.prompt += row.prompt
    sum.output += row.output
    sum.total += row.total
    found.set(key, sum)
  }
  return [...found.values()].sort((left, right) => right.total - left.total || left.name.localeCompare(right.name))
}

/** The last `count` days up to `today` (`2026-11-22`, UTC), the oldest first, also those on which nothing was used. */
export function perDay(rows: readonly UsageRow[], today: string, count: number): { day: string; total: number }[] {
  const totals = new Map<string, number>()
  for (const { day, total } of rows) totals.set(day, (totals.get(day) ?? 0) + total)
  return Array.from({ length: count }, (_, index) => {
    const day = dayOf(Date.parse(today) - (count - 1 - index) * DAY_MS)
    return { day, total: totals.get(day) ?? 0 }
  })
}

/** The day, UTC, that ends at `resetAt`. */
export function todayOf(resetAt: number): string {
  return dayOf(resetAt - DAY_MS)
}

/** The end of an axis that holds `value`: a round number, and not much more than it. */
export function niceEnd(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(10, value)))
  return (STEPS.find((step) => step * unit >= value) ?? 10) * unit
}

const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

function subject(row: UsageRow, by: Grouping): { key: string; name: string } {
  switch (by) {
    case 'person':
      return { key: row.person.id, name: row.person.name }
    case 'room':
      return { key: row.conversation.id, name: row.conversation.title }
    case 'model':
      return { key: row.model, name: row.model }
  }
}
