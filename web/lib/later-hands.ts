/**
 * What fingers and keys do with the messages of a transcript: fetched at once where there is a touch screen, otherwise with the first key
 * that is pressed anywhere, or when the transcript has the focus. Returns its stop.
 */
export function laterHands(log: HTMLElement): () => void {
  log.id = 'transcript'
  let left = false
  let stop = () => {}
  let begun = false
  const begin = () => {
    if (begun) return
    begun = true
    void import('./message-press.ts').then(
      ({ messageHands }) => {
        if (!left) stop = messageHands(log)
      },
      // Without a network, where it was never fetched: the buttons do the same.
      () => undefined,
    )
  }
  if (navigator.maxTouchPoints > 0) begin()
  else {
    log.addEventListener('focusin', begin, { once: true })
    addEventListener('keydown', begin, { once: true })
  }
  return () => {
    left = true
    log.removeEventListener('focusin', begin)
    removeEventListener('keydown', begin)
    stop()
  }
}
