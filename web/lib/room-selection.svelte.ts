/** Which rows of a list are selected, while rows are being selected. */
export class RoomSelection {
  #ids = $state.raw<ReadonlySet<string> | null>(null)
  #last = ''

  /** null: nothing is being selected. */
  get ids(): ReadonlySet<string> | null {
    return this.#ids
  }

  begin(id: string): void {
    this.#ids = new Set([id])
    this.#last = id
  }

  /** Selects a row, or not any more; `upTo`: with everything between it and the last one, in the order of `all`. */
  toggle(id: string, upTo: boolean, all: readonly string[]): void {
    const next = new Set(this.#ids)
    const [from = -1, to = -1] = [all.indexOf(this.#last), all.indexOf(id)].sort((one, other) => one - other)
    if (upTo && from !== -1) for (const other of all.slice(from, to + 1)) next.add(other)
    else if (!next.delete(id)) next.add(id)
    this.#last = id
    this.#ids = next
  }

  /** Selects everything, or nothing when everything is. */
  toggleAll(all: readonly string[]): void {
    this.#ids = new Set(this.#ids?.size === all.length ? [] : all)
  }

  end(): void {
    this.#ids = null
  }
}
