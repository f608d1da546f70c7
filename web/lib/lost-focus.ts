import { messageIn } from './message-focus.ts'

/**
 * What has the focus in a transcript may go: a button that has done its work, a message that was discarded, a version that was replaced. Then its
 * message has the focus, or the one that stands there now, and nobody who reads by ear or by keyboard has to begin anew. Returns its stop.
 */
export function catchFocus(log: HTMLElement): () => void {
  let focused: Element | null = null
  let message: HTMLElement | null = null
  let at = 0

  const entered = ({ target }: FocusEvent) => {
    focused = target instanceof Element ? target : null
    message = messageIn(log, focused)
    at = message ? messagesOf(log).indexOf(message) : 0
  }
  // Known a moment later: some browsers say so of an element that is just being taken out, as of one that was left.
  const left = () =>
    queueMicrotask(() => {
      if (focused?.isConnected && document.activeElement !== focused) focused = null
    })
  const changed = new MutationObserver(() => {
    if (!focused || focused.isConnected || document.activeElement !== document.body) return
    const next = message?.isConnected ? message : (messagesOf(log)[at] ?? messagesOf(log).at(-1) ?? log)
    if (next !== log) next.tabIndex = -1
    next.focus({ preventScroll: true })
  })

  log.addEventListener('focusin', entered)
  log.addEventListener('focusout', left)
  changed.observe(log, { childList: true, subtree: true })
  return () => {
    changed.disconnect()
    log.removeEventListener('focusin', entered)
    log.removeEventListener('focusout', left)
  }
}

const messagesOf = (log: HTMLElement): HTMLElement[] => [...log.querySelectorAll<HTMLElement>('article[data-message-id]')]
