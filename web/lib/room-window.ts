/** Rows of a group: from the first to before the last. */
export type Span = { readonly from: number; readonly to: number }

type View = { readonly top: number; readonly height: number }
/** Heights in pixels. */
type Measures = { readonly row: number; readonly head: number }

/** Rows are drawn and fetched so many at once, and as many before and behind what is seen. */
const STEP = 6

/** Of each group, which of its rows are seen or near; `counts` says how many each has. */
export function spansInView(counts: readonly number[], { top, height }: View, { row, head }: Measures): Span[] {
  let begins = 0
  return counts.map((count) => {
    const first = begins + head
    begins = first + count * row
    // A list that is not laid out yet shows its beginning.
    const from = row > 0 ? Math.floor((top - first) / row / STEP) * STEP - STEP : 0
    const to = row > 0 ? Math.ceil((top + height - first) / row / STEP) * STEP + STEP : STEP
    return { from: Math.min(count, Math.max(0, from)), to: Math.max(0, Math.min(count, to)) }
  })
}

/** Where a row begins in the list, in pixels; `index` counts through all groups. null: there is none. */
export function topOf(index: number, counts: readonly number[], { row, head }: Measures): number | null {
  let left = index
  let top = 0
  for (const count of counts) {
    if (left < count) return left < 0 ? null : top + head + left * row
    left -= count
    top += head + count * row
  }
  return null
}
