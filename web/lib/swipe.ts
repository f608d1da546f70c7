/** From so near to the edge a closed drawer is drawn. */
const EDGE_PX = 48
/** A finger that has gone no further has not said where it wants to go. */
const DECIDED_PX = 10
/** A finger that has rested is about to select or to hold, not to swipe. */
const RESTED_MS = 350
/** Faster than this, the direction decides where it ends; otherwise the nearer end. */
const FLICK_PX_PER_MS = 0.4

type Swipe = { x: number; y: number; at: number; lastX: number; lastAt: number; speed: number; wasOpen: boolean; drawn: boolean }

/** Makes a drawer on the left, a popover, follow the finger: from the edge of the screen it opens, from anywhere on it, it closes. Returns its stop. */
export function followFinger(drawer: HTMLElement, isDrawer: () => boolean): () => void {
  let swipe: Swipe | null = null

  const began = (event: TouchEvent) => {
    forget()
    const [touch] = event.touches
    if (!touch || event.touches.length > 1 || !isDrawer() || !(event.target instanceof Element)) return
    const wasOpen = drawer.matches(':popover-open')
    if (wasOpen ? !drawer.contains(event.target) : touch.clientX > EDGE_PX || isTaken(event.target)) return
    const { clientX: x, clientY: y } = touch
    swipe = { x, y, at: event.timeStamp, lastX: x, lastAt: event.timeStamp, speed: 0, wasOpen, drawn: false }
    // Only now: one that may refuse to scroll slows down all scrolling.
    document.addEventListener('touchmove', moved, { passive: false })
  }

  const moved = (event: TouchEvent) => {
    const [touch] = event.touches
    if (!swipe || !touch || event.touches.length > 1) return ended()
    const across = touch.clientX - swipe.x
    if (!swipe.drawn) {
      const along = Math.abs(touch.clientY - swipe.y)
      if (Math.hypot(across, along) < DECIDED_PX) return
      const isMeant = swipe.wasOpen ? across < 0 : across > 0
      if (!isMeant || Math.abs(across) < 1.5 * along || event.timeStamp - swipe.at > RESTED_MS) return forget()
      draw(swipe)
    }
    event.preventDefault()
    const passed = event.timeStamp - swipe.lastAt
    if (passed > 0) swipe.speed = (touch.clientX - swipe.lastX) / passed
    swipe.lastX = touch.clientX
    swipe.lastAt = event.timeStamp
    place(drawer, share(swipe))
  }

  const draw = (swiped: Swipe) => {
    swiped.drawn = true
    drawer.dataset.drawn = ''
    if (swiped.wasOpen) return
    // One that closes by itself on a press elsewhere would close when this finger is lifted.
    drawer.popover = 'manual'
    place(drawer, 0)
    drawer.showPopover()
  }

  const share = ({ x, lastX, wasOpen }: Swipe) => {
    const width = drawer.offsetWidth || 1
    return Math.min(1, Math.max(0, (wasOpen ? width + lastX - x : lastX) / width))
  }

  const ended = () => {
    const done = swipe
    forget()
    if (!done?.drawn) return
    const opens = Math.abs(done.speed) > FLICK_PX_PER_MS ? done.speed > 0 : share(done) > 0.5
    delete drawer.dataset.drawn
    // Another kind of popover is a closed one; all before the next picture.
    if (!done.wasOpen) {
      drawer.popover = 'auto'
      if (opens) drawer.showPopover()
    } else if (!opens) drawer.hidePopover()
    drawer.style.removeProperty('--drawn')
  }

  function forget() {
    swipe = null
    document.removeEventListener('touchmove', moved)
  }

  document.addEventListener('touchstart', began, { passive: true })
  document.addEventListener('touchend', ended)
  document.addEventListener('touchcancel', ended)
  return () => {
    ended()
    document.removeEventListener('touchstart', began)
    document.removeEventListener('touchend', ended)
    document.removeEventListener('touchcancel', ended)
  }
}

function place(drawer: HTMLElement, share: number): void {
  drawer.style.setProperty('--drawn', `${share}`)
}

/** Whether a swipe across an element is for something else: what is scrolled to the side, what is written, what is selected, another layer. */
function isTaken(element: Element): boolean {
  if (getSelection()?.isCollapsed === false || element.closest('input, textarea, dialog, [popover]')) return true
  for (let at: Element | null = element; at; at = at.parentElement) if (at.scrollLeft > 0) return true
  return false
}
