import { isShortcut } from './shortcuts.ts'

/** The message that an element is of; null: of none in this transcript. */
export function messageIn(log: Element, element: Element | null): HTMLElement | null {
  const message = element?.closest<HTMLElement>('article[data-message-id]') ?? null
  return message && log.contains(message) ? message : null
}

/** The message before or after the one that an element is of; without one, the first or the last of all that are shown. */
export function nextTo(log: Element, element: Element | null, by: -1 | 1): HTMLElement | null {
  const messages = [...log.querySelectorAll<HTMLElement>('article[data-message-id]')]
  const current = messageIn(log, element)
  if (!current) return messages.at(by === 1 ? 0 : -1) ?? null
  return messages[messages.indexOf(current) + by] ?? null
}

/** Gives a message the focus; of one that is higher than the view its beginning is shown. */
export function focusMessage(message: HTMLElement): void {
  const tall = message.offsetHeight > (message.closest('[role="log"]')?.clientHeight ?? 0)
  message.tabIndex = -1
  message.focus({ preventScroll: true })
  message.scrollIntoView({ block: tall ? 'start' : 'nearest' })
}

/** Opens what can be done with a message. */
export function openMessageMenu(message: Element): void {
  message.querySelector<HTMLElement>('[aria-label="More"]')?.click()
}

/** Goes from message to message in a transcript by keys. Returns its stop. */
export function messageKeys(log: HTMLElement): () => void {
  const pressed = (event: KeyboardEvent) => {
    const { target } = event
    // Inside of a message the keys are those of what is there.
    if (event.defaultPrevented || !(target instanceof HTMLElement) || (target !== log && target !== messageIn(log, target))) return
    const to = destination(log, event)
    if (to) {
      event.preventDefault()
      focusMessage(to)
    } else if (target !== log && isShortcut(event, 'menu')) {
      event.preventDefault()
      openMessageMenu(target)
    } else if (isShortcut(event, 'leave')) document.getElementById('message')?.focus()
  }
  log.addEventListener('keydown', pressed)
  return () => log.removeEventListener('keydown', pressed)
}

function destination(log: HTMLElement, event: KeyboardEvent): HTMLElement | null {
  const message = messageIn(log, document.activeElement)
  if (isShortcut(event, 'first')) return nextTo(log, null, 1)
  if (isShortcut(event, 'last')) return nextTo(log, null, -1)
  for (const [id, by] of [
    ['below', 1],
    ['above', -1],
  ] as const) {
    if (!isShortcut(event, id)) continue
    if (!message) return nextTo(log, null, -1)
    // An arrow reads on in a long message first; a letter goes.
    if (event.key.length > 1 && reachesOut(log, message, by)) return null
    return nextTo(log, message, by)
  }
  return null
}

function reachesOut(log: Element, message: Element, by: -1 | 1): boolean {
  const [view, box] = [log.getBoundingClientRect(), message.getBoundingClientRect()]
  return by === 1 ? box.bottom > view.bottom + 1 : box.top < view.top - 1
}
