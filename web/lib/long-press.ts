/** A finger rests when it is this long in one place. */
export const HELD_MS = 450
export const STILL_PX = 10

/**
 * Calls back when a finger has rested on an element and is lifted, or when a mouse or a key asks for the context menu. While the finger rests, the element
 * has the class `held`. Returns its stop.
 */
export function longPress(element: HTMLElement, pressed: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let from = { x: 0, y: 0 }
  const isHeld = () => element.classList.contains('held')
  const cancel = () => {
    clearTimeout(timer)
    element.classList.remove('held')
  }
  const start = ({ touches }: TouchEvent) => {
    cancel()
    const [touch] = touches
    if (!touch || touches.length > 1) return
    from = { x: touch.clientX, y: touch.clientY }
    timer = setTimeout(() => element.classList.add('held'), HELD_MS)
  }
  const move = ({ touches: [touch] }: TouchEvent) => {
    if (touch && Math.hypot(touch.clientX - from.x, touch.clientY - from.y) > STILL_PX) cancel()
  }
  // Not before: the end of a press that began outside of a menu closes the menu.
  const end = (event: TouchEvent) => {
    const wasHeld = isHeld()
    cancel()
    if (!wasHeld) return
    event.preventDefault()
    setTimeout(pressed)
  }
  const menu = (event: MouseEvent) => {
    event.preventDefault()
    // A browser that asks for the menu of a finger ends its press by itself.
    if (event instanceof PointerEvent && event.pointerType === 'touch') element.classList.add('held')
    else pressed()
  }
  element.addEventListener('touchstart', start, { passive: true })
  element.addEventListener('touchmove', move, { passive: true })
  element.addEventListener('touchend', end)
  element.addEventListener('touchcancel', cancel)
  element.addEventListener('contextmenu', menu)
  return () => {
    cancel()
    element.removeEventListener('touchstart', start)
    element.removeEventListener('touchmove', move)
    element.removeEventListener('touchend', end)
    element.removeEventListener('touchcancel', cancel)
    element.removeEventListener('contextmenu', menu)
  }
}
