import { startLater } from './later.ts'

/**
 * What fingers and keys do with the messages of a transcript: fetched at once where there is a touch screen, otherwise with the first key
 * that is pressed anywhere, or when the transcript has the focus. Returns its stop.
 */
export function laterHands(log: HTMLElement): () => void {
  log.id = 'transcript'
  let stop: (() => void) | null = null
  // Where it cannot be fetched, the buttons do the same.
  const begin = () => {
    stop ??= startLater(
      import('./message-press.ts').then(
        ({ messageHands }) =>
          () =>
            messageHands(log),
      ),
    )
  }
  if (navigator.maxTouchPoints > 0) begin()
  else {
    log.addEventListener('focusin', begin, { once: true })
    addEventListener('keydown', begin, { once: true })
  }
  return () => {
    log.removeEventListener('focusin', begin)
    removeEventListener('keydown', begin)
    stop?.()
  }
}
