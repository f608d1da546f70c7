const PART_ROWS = 10
/** A message is at least this high, and has at least so many lines: what is too low an estimate only draws a little more. */
const ROW_PX = 56
const LINE_PX = 24
const LINE_UNITS = 110

type Row = { readonly message: { readonly text: string } }
type Parts<R extends Row> = {
  /** A new object for every transcript; null: there is nothing to draw yet. */
  of: () => object | null
  rows: () => readonly R[]
  /** Something else than the end is looked for. */
  whole: () => boolean
}

/**
 * A transcript is drawn from its end: first what fills the view, then, frame by frame, what is above it. Drawing all of a page of it at once would
 * keep the reader waiting for what cannot be seen. Made while a component is.
 */
export class Unrolling<R extends Row> {
  readonly #parts: Parts<R>
  #drawn = $state.raw<{ of: object; count: number } | null>(null)

  constructor(parts: Parts<R>) {
    this.#parts = parts
    $effect(() => {
      const of = parts.of()
      if (!of || this.#count === Number.POSITIVE_INFINITY) return undefined
      const [shown, all] = [this.rows.length, parts.rows().length]
      if (shown === all) {
        this.#drawn = { of, count: Number.POSITIVE_INFINITY }
        return undefined
      }
      // After the picture, not before it.
      let timer: ReturnType<typeof setTimeout> | undefined
      const frame = requestAnimationFrame(() => (timer = setTimeout(() => (this.#drawn = { of, count: shown + PART_ROWS }))))
      return () => {
        cancelAnimationFrame(frame)
        clearTimeout(timer)
      }
    })
  }

  /** The rows to draw now. */
  get rows(): readonly R[] {
    const all = this.#parts.rows()
    return this.isWhole ? all : all.slice(-(this.#count ?? filling(all)))
  }

  get isWhole(): boolean {
    return this.#parts.whole() || (this.#count ?? 0) >= this.#parts.rows().length
  }

  get #count(): number | null {
    return this.#drawn !== null && this.#drawn.of === this.#parts.of() ? this.#drawn.count : null
  }
}

/** How many of the last rows fill the view for certain. */
function filling(rows: readonly Row[]): number {
  let [count, height] = [0, 0]
  while (count < rows.length && height < innerHeight) {
    count++
    height += ROW_PX + LINE_PX * Math.floor((rows.at(-count)?.message.text.length ?? 0) / LINE_UNITS)
  }
  return Math.max(1, count)
}
