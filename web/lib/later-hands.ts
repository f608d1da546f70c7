/** What fingers and keys do with the messages of a transcript: fetched beside the messages, not before them. Returns its stop. */
export function laterHands(log: HTMLElement): () => void {
  log.id = 'transcript'
  const hands = import('./message-press.ts').then(
    ({ messageHands }) => messageHands(log),
    // Without a network, where it was never fetched: the buttons do the same.
    () => () => {},
  )
  return () => void hands.then((stop) => stop())
}
