import { isOpen } from '#contract'
import { idAtEnd } from '../support/asked.ts'
import type { TranscriptRow } from '../support/transcript.ts'

/** What somebody wrote: on a `device`, which sends one thing after the other. */
type Written = {
  readonly id: string
  readonly text: string
  readonly device: string
  /** Chosen with the prompt; null where the product's own client has chosen it. */
  readonly replyId: string | null
  /** Sent again until it is acknowledged. Otherwise it may be wholly absent. */
  readonly insists: boolean
  readonly begunAt: number
  acknowledgedAt: number | null
}

/** Everything that any client ever knew of a room, and what must follow from it. Its time counts entries: no clock is read. */
export class KillLog {
  readonly #written = new Map<string, Written>()
  /** By reply, by client. */
  readonly #seen = new Map<string, Map<string, string>>()
  readonly #onScreens = new Map<string, string>()
  readonly #faults: string[] = []
  #time = 0

  get prompts(): number {
    return this.#written.size
  }

  /** The time for something that begins now. */
  now(): number {
    return ++this.#time
  }

  wrote(written: Omit<Written, 'acknowledgedAt'>): void {
    this.#written.set(written.id, { ...written, acknowledgedAt: null })
  }

  acknowledged(id: string): void {
    const written = this.#written.get(id)
    if (written) written.acknowledgedAt ??= this.now()
  }

  refused(id: string, reason: string): void {
    this.#faults.push(`prompt ${id} was refused: ${reason}`)
  }

  /** What a client holds of a reply at this moment. */
  saw(client: string, replyId: string, text: string): void {
    const seen = this.#seen.get(replyId) ?? new Map<string, string>()
    this.#seen.set(replyId, seen)
    const before = seen.get(client) ?? ''
    if (!text.startsWith(before))
      this.#faults.push(`${client} saw ${before.length} units of reply ${replyId}, then ${text.length} or others`)
    seen.set(client, text)
  }

  /** What a reader sees on a page, where blocks of Markdown are apart by no characters. */
  sawOnScreen(replyId: string, text: string): void {
    const letters = withoutBlanks(text)
    const before = this.#onScreens.get(replyId) ?? ''
    if (!letters.startsWith(before))
      this.#faults.push(`a screen showed ${before.length} units of reply ${replyId}, then ${letters.length} or others`)
    this.#onScreens.set(replyId, letters)
  }

  /** Everything that is wrong with the room as it ended; nothing: it kept every promise. */
  faults(rows: readonly TranscriptRow[], asked: ReadonlyMap<string, number>): string[] {
    const byId = new Map(rows.map((row) => [row.id, row]))
    const faults = [...this.#faults]
    if (new Set(rows.map(({ position }) => position)).size !== rows.length) faults.push('two rows have one position')
    for (const row of rows) {
      if (row.kind !== 'reply' && !this.#written.has(row.id)) faults.push(`nobody wrote ${row.id}`)
      if (row.state !== null && isOpen(row.state)) faults.push(`reply ${row.id} has no end`)
    }
    for (const written of this.#written.values()) faults.push(...faultsOf(written, rows, asked))
    for (const [id, texts] of this.#seen) {
      for (const [client, text] of texts) {
        if (!byId.get(id)?.text.startsWith(text)) faults.push(`${client} saw ${text.length} units of reply ${id} that are gone`)
      }
    }
    for (const [id, letters] of this.#onScreens) {
      if (!withoutBlanks(byId.get(id)?.text ?? '').startsWith(letters)) faults.push(`a screen showed what reply ${id} has no more`)
    }
    return [...faults, ...this.#disorder(byId)]
  }

  /** What was acknowledged before another was begun stands before it, and so does what one device wrote earlier. */
  #disorder(byId: ReadonlyMap<string, TranscriptRow>): string[] {
    const placed = [...this.#written.values()].flatMap((written) => {
      const row = byId.get(written.id)
      return row ? [{ written, position: row.position }] : []
    })
    return placed.flatMap((one) =>
      placed
        .filter(({ written: later, position }) => {
          const { device, begunAt, acknowledgedAt } = one.written
          const before = (acknowledgedAt !== null && acknowledgedAt < later.begunAt) || (device === later.device && begunAt < later.begunAt)
          return before && one.position >= position
        })
        .map(({ written: later }) => `${one.written.id} was written before ${later.id} and stands behind it`),
    )
  }
}

function faultsOf(written: Written, rows: readonly TranscriptRow[], asked: ReadonlyMap<string, number>): string[] {
  const { id, text, replyId, insists, acknowledgedAt } = written
  const times = asked.get(idAtEnd(text)) ?? 0
  const own = rows.filter((row) => row.text === text && row.kind !== 'reply')
  const replies = rows.filter((row) => row.kind === 'reply' && (row.parentId === id || row.id === replyId))
  if (times > 1) return [`the model was asked ${times} times for ${id}`]
  if (own.length === 0 && replies.length === 0) {
    if (insists || acknowledgedAt !== null) return [`${id} is lost`]
    return times === 0 ? [] : [`the model was asked for ${id}, which is not there`]
  }
  const [reply] = replies
  if (own.length !== 1 || own[0]?.id !== id) return [`${id} is there ${own.length} times, or by another id`]
  if (replies.length !== 1 || !reply || reply.parentId !== id) return [`${id} has ${replies.length} replies, or the reply of another`]
  if (replyId !== null && reply.id !== replyId) return [`${id} has another reply than the one it was sent with`]
  if (times === 0 && (reply.state === 'complete' || reply.text !== '')) return [`reply ${reply.id} has a text that nobody was asked for`]
  return []
}

function withoutBlanks(text: string): string {
  return text.replace(/\s/g, '')
}
