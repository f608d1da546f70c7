import { HELD_MS, STILL_PX } from './long-press.ts'
import { catchFocus } from './lost-focus.ts'
import { messageIn, messageKeys, openMessageMenu } from './message-focus.ts'

let held = false
const releases: (() => void)[] = []

/** Calls back when the finger that has just opened something is lifted. False: there is none. */
export function whenReleased(listener: () => void): boolean {
  if (held) releases.push(listener)
  return held
}

/** What hands do with the messages of a transcript, by keys and by touch. Returns its stop. */
export function messageHands(log: HTMLElement): () => void {
  const stops = [messageKeys(log), messagePress(log), catchFocus(log)]
  return () => stops.forEach((stop) => stop())
}

/**
 * A finger that rests on a message opens what can be done with it. While it rests nothing is selected; in a message of which text is being selected
 * it is the browser's. Returns its stop.
 */
function messagePress(log: HTMLElement): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let pressed: HTMLElement | null = null
  let from = { x: 0, y: 0 }

  const began = (event: TouchEvent) => {
    end()
    const [touch] = event.touches
    const message = event.target instanceof Element ? messageIn(log, event.target) : null
    if (!touch || event.touches.length > 1 || !(event.target instanceof Element)) return
    if (!message || event.target.closest('a, button, input, textarea, summary, [data-selecting]')) return
    pressed = message
    from = { x: touch.clientX, y: touch.clientY }
    pressed.dataset.pressed = ''
    timer = setTimeout(() => {
      held = true
      openMessageMenu(message)
    }, HELD_MS)
  }
  const moved = ({ touches: [touch] }: TouchEvent) => {
    if (touch && !held && Math.hypot(touch.clientX - from.x, touch.clientY - from.y) > STILL_PX) end()
  }
  const lifted = (event: TouchEvent) => {
    // The press was no tap on what lies under the finger now.
    if (held && event.cancelable) event.preventDefault()
    end()
  }
  const asked = (event: Event) => {
    if (pressed) event.preventDefault()
  }
  function end() {
    clearTimeout(timer)
    if (pressed) delete pressed.dataset.pressed
    pressed = null
    held = false
    for (const release of releases.splice(0)) release()
  }

  log.addEventListener('touchstart', began, { passive: true })
  log.addEventListener('touchmove', moved, { passive: true })
  log.addEventListener('touchend', lifted)
  log.addEventListener('touchcancel', end)
  log.addEventListener('contextmenu', asked)
  log.addEventListener('scroll', end, { passive: true })
  return () => {
    end()
    log.removeEventListener('touchstart', began)
    log.removeEventListener('touchmove', moved)
    log.removeEventListener('touchend', lifted)
    log.removeEventListener('touchcancel', end)
    log.removeEventListener('contextmenu', asked)
    log.removeEventListener('scroll', end)
  }
}

/** Selects the text of a message. As long as any is selected in it, a finger that rests there selects as everywhere. */
export function selectText(message: HTMLElement): void {
  const text = message.querySelector('[data-part="text"]')
  if (!text) return
  message.dataset.selecting = ''
  getSelection()?.selectAllChildren(text)
  const changed = () => {
    if (getSelection()?.isCollapsed === false && message.contains(getSelection()?.anchorNode ?? null)) return
    delete message.dataset.selecting
    document.removeEventListener('selectionchange', changed)
  }
  document.addEventListener('selectionchange', changed)
}
