import { dayStart, nextDay } from '../lib/room-groups.ts'
import { Live } from './live.svelte.ts'
import { type Group, type ListedRoom, listedRooms, type Outline, outline, type View } from './room-list.ts'

/** Rows that are kept for the way back, so that nothing flickers. */
const KEPT_ROWS = 1_000
/** While somebody scrolls, rows are fetched no more often than this. */
const PAUSE_MS = 80

/** The list of rooms as it is shown: all headings and ids, and the rows that are in view. */
export class RoomList {
  #view = $state.raw<View>({ kind: 'open' })
  #today = $state(dayStart(Date.now()))
  #wanted = $state.raw<readonly string[]>([])
  readonly #outlines = $derived(((view, today) => new Live(() => outline(view, today)))(this.#view, this.#today))
  readonly #rows = $derived(((ids) => new Live(() => listedRooms(ids)))(this.#wanted))
  #shown: Outline | null = null
  readonly #known = new Map<string, ListedRoom>()
  /** What was put there last. */
  #taken: ReadonlyMap<string, ListedRoom> | null = null
  #next: readonly string[] | null = null
  /** They are fetched in a moment. */
  #waits = false

  get view(): View {
    return this.#view
  }

  show(view: View): void {
    this.#view = view
  }

  /** null: the store has not answered yet. */
  get outline(): Outline | null {
    const { current } = this.#outlines
    if (current.state === 'failed') throw current.error
    // Until the next answer the last one stands.
    if (current.state === 'ready') this.#shown = current.value
    return this.#shown
  }

  get groups(): readonly Group[] {
    return this.outline?.groups ?? []
  }

  /** undefined: it is being fetched. */
  row(id: string): ListedRoom | undefined {
    const { current } = this.#rows
    if (current.state === 'failed') throw current.error
    if (current.state === 'ready' && current.value !== this.#taken) {
      this.#taken = current.value
      if (this.#known.size > KEPT_ROWS) this.#known.clear()
      for (const [key, row] of current.value) this.#known.set(key, row)
    }
    return this.#known.get(id)
  }

  /** These rows are in view, or near. */
  want(ids: readonly string[]): void {
    this.#next = ids
    if (!this.#waits) {
      this.#waits = true
      setTimeout(() => {
        this.#waits = false
        this.#fetch()
      }, PAUSE_MS)
    }
    if (this.#wanted.length === 0) this.#fetch()
  }

  #fetch(): void {
    const ids = this.#next ?? []
    if (ids.length === this.#wanted.length && ids.every((id, index) => id === this.#wanted[index])) return
    this.#wanted = ids
  }

  /** Moves the groups over at midnight, also after a night's sleep of the device. Returns its stop. */
  watchMidnight(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = () => {
      this.#today = dayStart(Date.now())
      clearTimeout(timer)
      timer = setTimeout(look, nextDay(Date.now()) - Date.now())
    }
    look()
    document.addEventListener('visibilitychange', look)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }
}
