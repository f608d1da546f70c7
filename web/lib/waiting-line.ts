import type { Message } from '#contract'

/** One's own prompts that wait, all of them, in another order; `revision`: the newest among their rows. */
export type Order = { readonly ids: readonly string[]; readonly revision: number }

/** Where a prompt stands in the line of its room. */
export type Place = {
  /** 1: it is next. */
  readonly at: number
  readonly promptId: string
  readonly mine: boolean
  /** The order in which this one of one's own would be asked before the one before it; null: it is the first. */
  readonly sooner: Order | null
  readonly later: Order | null
}

/**
 * By reply, the places of those that wait for their turn. Nothing waits where nothing runs: it is about to begin. `versions`: of each message that
 * has others beside it, the ids of them all.
 */
export function waitingLine(
  messages: readonly Message[],
  runningId: string | null,
  myId: string,
  versions: ReadonlyMap<string, readonly string[]> = new Map(),
): ReadonlyMap<string, Place> {
  if (runningId === null) return new Map()
  const prompts = new Map(messages.flatMap((message) => (message.kind === 'prompt' ? [[message.id, message] as const] : [])))
  const waiting = messages.flatMap((message) => {
    if (message.kind !== 'reply' || message.state !== 'queued' || message.id === runningId) return []
    const prompt = prompts.get(message.parentId ?? '')
    // A prompt that was answered once is not taken back; only the new answer is cancelled.
    const mine = prompt?.author.id === myId && !versions.has(message.id)
    return [{ id: message.id, promptId: message.parentId ?? '', mine, revision: mine ? prompt.revision : 0 }]
  })
  const own = waiting.filter(({ mine }) => mine).map(({ promptId }) => promptId)
  const revision = Math.max(...waiting.map((entry) => entry.revision))
  const order = (index: number): Order | null => {
    const ids = swapped(own, index)
    return ids && { ids, revision }
  }
  return new Map(
    waiting.map(({ id, promptId, mine }, index) => {
      const among = own.indexOf(promptId)
      const place: Place = {
        at: index + 1,
        promptId,
        mine,
        sooner: mine ? order(among - 1) : null,
        later: mine ? order(among) : null,
      }
      return [id, place]
    }),
  )
}

/** `next in line`, `2nd in line`. */
export function placeWords(at: number): string {
  if (at === 1) return 'next in line'
  return `${at}${ENDINGS[ordinals.select(at)] ?? 'th'} in line`
}

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' })
const ENDINGS: Partial<Record<Intl.LDMLPluralRule, string>> = { one: 'st', two: 'nd', few: 'rd' }

/** The ids with those at `index` and after it in each other's place; null: there are no two. */
function swapped(ids: readonly string[], index: number): readonly string[] | null {
  const [first, second] = [ids[index], ids[index + 1]]
  if (index < 0 || first === undefined || second === undefined) return null
  return ids.map((id, at) => (at === index ? second : at === index + 1 ? first : id))
}
