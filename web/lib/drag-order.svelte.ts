type Place = { readonly id: string; readonly behind: boolean }

/** Rows that are put in another order by dragging them. */
export class DragOrder {
  #dragged = $state<string | null>(null)
  #place = $state.raw<Place | null>(null)
  readonly #moved: (id: string, beforeId: string | null) => void

  /** `moved`: a row shall stand before another one; null: at the end. */
  constructor(moved: (id: string, beforeId: string | null) => void) {
    this.#moved = moved
  }

  /** How a row looks meanwhile, as a class. */
  mark(id: string): string {
    if (id === this.#dragged) return 'dragged'
    if (id !== this.#place?.id) return ''
    return this.#place.behind ? 'drop-behind' : 'drop-before'
  }

  start(event: DragEvent, id: string): void {
    this.#dragged = id
    event.dataTransfer?.setData('text/plain', id)
    if (event.dataTransfer) event.dataTransfer.effectAllowed = 'move'
  }

  over(event: DragEvent & { currentTarget: HTMLElement }, id: string): void {
    if (this.#dragged === null) return
    event.preventDefault()
    const { top, height } = event.currentTarget.getBoundingClientRect()
    const behind = event.clientY > top + height / 2
    if (this.#place?.id !== id || this.#place.behind !== behind) this.#place = { id, behind }
  }

  /** `ids`: the rows in their order. */
  drop(event: DragEvent, ids: readonly string[]): void {
    const [dragged, place] = [this.#dragged, this.#place]
    this.end()
    if (dragged === null || !place) return
    event.preventDefault()
    const beforeId = place.behind ? ids[ids.indexOf(place.id) + 1] : place.id
    if (beforeId !== dragged && place.id !== dragged) this.#moved(dragged, beforeId ?? null)
  }

  end(): void {
    this.#dragged = null
    this.#place = null
  }
}
