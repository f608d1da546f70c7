const MARGIN_PX = 8

/** Puts something that is shown above the page below its anchor, or above it where there is no room; inside of the window either way. */
export function placeBeside(shown: HTMLElement, anchor: HTMLElement, edge: 'left' | 'right'): void {
  const { bottom, top, left, right } = anchor.getBoundingClientRect()
  const { offsetHeight, offsetWidth } = shown
  const lowest = window.innerHeight - offsetHeight - MARGIN_PX
  const wanted = edge === 'left' ? left : right - offsetWidth
  shown.style.top = `${bottom + 4 <= lowest ? bottom + 4 : Math.max(MARGIN_PX, Math.min(top - offsetHeight - 4, lowest))}px`
  shown.style.left = `${Math.max(MARGIN_PX, Math.min(wanted, window.innerWidth - offsetWidth - MARGIN_PX))}px`
}
