/** A message without a place yet sorts behind every message that has one: its position is this plus the number of its outbox entry. */
export const PENDING_POSITION = 1_000_000_000_000

/** Bounds of `[conversationId+position]` for the messages of a room that have a place. */
export function placed(conversationId: string, from = 0): [[string, number], [string, number]] {
  return [
    [conversationId, from],
    [conversationId, PENDING_POSITION - 1],
  ]
}

/** Bounds of `[conversationId+position]` for the messages that wait for theirs. */
export function unplaced(conversationId: string): [[string, number], [string, number]] {
  return [
    [conversationId, PENDING_POSITION],
    [conversationId, Number.MAX_SAFE_INTEGER],
  ]
}
