const SWIPE_PX = 60
const WIDE = '(min-width: 761px)'

/** Closes the drawer around `inside` when it is one: on a wide screen the same element simply stands there. */
export function closeDrawer(inside: HTMLElement): void {
  const around = inside.closest<HTMLElement>('[popover]')
  if (around?.matches(':popover-open')) around.hidePopover()
}

/** Closes the drawer on a swipe to the left, and when the screen becomes wide. Returns its stop. */
export function drawer(inside: HTMLElement): () => void {
  const wide = matchMedia(WIDE)
  let start: Touch | null = null
  const began = (event: TouchEvent) => {
    start = event.touches.length === 1 ? (event.touches[0] ?? null) : null
  }
  const ended = (event: TouchEvent) => {
    const end = event.changedTouches[0]
    if (!start || !end) return
    const across = start.clientX - end.clientX
    if (across > SWIPE_PX && across > 2 * Math.abs(start.clientY - end.clientY)) closeDrawer(inside)
  }
  const widened = () => closeDrawer(inside)
  inside.addEventListener('touchstart', began, { passive: true })
  inside.addEventListener('touchend', ended, { passive: true })
  wide.addEventListener('change', widened)
  return () => {
    inside.removeEventListener('touchstart', began)
    inside.removeEventListener('touchend', ended)
    wide.removeEventListener('change', widened)
  }
}
