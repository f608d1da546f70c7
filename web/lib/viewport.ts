/**
 * Keeps the page as tall as what can be seen, where the browser lays the keyboard of a phone over the page instead of making it
 * shorter. Returns its stop.
 */
export function fitViewport(): () => void {
  const viewport = window.visualViewport
  if (!viewport) return () => undefined
  const fit = () => {
    // Zoomed in, the visible part is smaller for another reason.
    const covered = viewport.scale === 1 && window.innerHeight - viewport.height > 40
    document.documentElement.style.setProperty('--visible-height', covered ? `${viewport.height}px` : '100dvh')
    if (covered) window.scrollTo(0, 0)
  }
  viewport.addEventListener('resize', fit)
  return () => viewport.removeEventListener('resize', fit)
}
