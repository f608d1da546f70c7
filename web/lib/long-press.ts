const HELD_MS = 500
const STILL_PX = 10

/** Calls back when a finger rests on an element, or where the browser asks for a context menu; what the finger does then is no click. Returns its stop. */
export function longPress(element: HTMLElement, pressed: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let from = { x: 0, y: 0 }
  let swallows = false
  const cancel = () => clearTimeout(timer)
  const down = (event: PointerEvent) => {
    swallows = false
    if (event.pointerType !== 'touch') return
    from = { x: event.clientX, y: event.clientY }
    cancel()
    timer = setTimeout(() => {
      swallows = true
      pressed()
    }, HELD_MS)
  }
  const move = ({ clientX, clientY }: PointerEvent) => {
    if (Math.hypot(clientX - from.x, clientY - from.y) > STILL_PX) cancel()
  }
  const menu = (event: MouseEvent) => {
    event.preventDefault()
    cancel()
    if (!swallows) pressed()
    swallows = event instanceof PointerEvent && event.pointerType === 'touch'
  }
  const click = (event: MouseEvent) => {
    if (!swallows) return
    swallows = false
    event.preventDefault()
    event.stopPropagation()
  }
  element.addEventListener('pointerdown', down)
  element.addEventListener('pointermove', move)
  for (const end of ['pointerup', 'pointercancel'] as const) element.addEventListener(end, cancel)
  element.addEventListener('contextmenu', menu)
  element.addEventListener('click', click, true)
  return () => {
    cancel()
    element.removeEventListener('pointerdown', down)
    element.removeEventListener('pointermove', move)
    for (const end of ['pointerup', 'pointercancel'] as const) element.removeEventListener(end, cancel)
    element.removeEventListener('contextmenu', menu)
    element.removeEventListener('click', click, true)
  }
}
