import { TYPING } from '#contract'
import { markTold, untold, watchReading } from '../store/reading.ts'
import type { Route, Sight } from './options.ts'
import type { Parts } from './parts.ts'
import type { Rooms } from './rooms.ts'
import { Refusal } from './rpc.ts'

/** What is read in quick succession is told at once. */
const READ_MS = 400
/** Of a tab without a page. */
const UNSEEN: Sight = { visible: () => false, onChange: () => () => undefined }

/** Tells the server which room this tab shows to somebody, who is writing, and what has been read. */
export class Presence {
  readonly #parts: Parts
  readonly #rooms: Rooms
  readonly #route: Route
  readonly #sight: Sight
  readonly #unwatch: (() => void)[]
  #online = false
  /** The room that the server was told of on this connection. */
  #looking: string | null = null
  /** By room, when it was last told that this person writes, and after how many of their messages. */
  readonly #typed = new Map<string, { at: number; said: number }>()
  #cancelRead: (() => void) | null = null

  constructor(parts: Parts, rooms: Rooms, { route, sight = UNSEEN }: { route: Route; sight?: Sight }) {
    this.#parts = parts
    this.#rooms = rooms
    this.#route = route
    this.#sight = sight
    const look = () => this.seen()
    this.#unwatch = [route.onChange(look), sight.onChange(look), watchReading(parts.store.db, () => this.#readSoon())]
  }

  online(): void {
    this.#online = true
    this.seen()
  }

  offline(): void {
    this.#online = false
    this.#looking = null
    this.#typed.clear()
    this.#cancelRead?.()
    this.#cancelRead = null
  }

  stop(): void {
    this.offline()
    for (const unwatch of this.#unwatch) unwatch()
    this.#parts.store.typing.stop()
  }

  /** Another room may be shown, or the page may have come to light or gone. */
  seen(): void {
    if (!this.#online) return
    const visible = this.#sight.visible()
    if (visible) this.#readSoon()
    const opened = this.#route.current()
    const shown = visible && opened !== null && this.#rooms.state(opened) === 'joined' ? opened : null
    if (shown === this.#looking) return
    this.#looking = shown
    const { rpc } = this.#parts
    rpc
      .call((client, options) => client.presence.look({ conversationId: shown }, options))
      // What fails is told with the next change, or by the next connection.
      .catch(() => undefined)
  }

  typing(conversationId: string): void {
    const { clock, rpc, store } = this.#parts
    const now = clock.now()
    if (!this.#online || this.#rooms.state(conversationId) !== 'joined') return
    const said = store.typing.said(conversationId, store.personId)
    const last = this.#typed.get(conversationId)
    // Their message has ended what was told before it.
    if (last?.said === said && now - last.at < TYPING.everyMs) return
    this.#typed.set(conversationId, { at: now, said })
    rpc.call((client, options) => client.presence.typing({ conversationId }, options)).catch(() => undefined)
  }

  #readSoon(): void {
    if (!this.#online || !this.#sight.visible()) return
    this.#cancelRead ??= this.#parts.clock.after(READ_MS, () => {
      this.#cancelRead = null
      void this.#read().catch(() => undefined)
    })
  }

  async #read(): Promise<void> {
    const { store, rpc } = this.#parts
    for (const { conversationId, read } of await untold(store.db)) {
      try {
        await rpc.call((client, options) => client.presence.read({ conversationId, count: read }, options))
      } catch (error) {
        // The next connection, or the next message, tells it; what the server refuses for good is not asked again.
        if (!(error instanceof Refusal) || error.code === 'RATE_LIMITED' || error.code === 'UNAVAILABLE') return
      }
      await markTold(store.db, conversationId, read)
    }
  }
}
