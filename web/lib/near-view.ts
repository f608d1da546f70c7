import type { Attachment } from 'svelte/attachments'

const NEAR_PX = 800

/**
 * Calls back when a mark at an edge of what is shown comes near the view. Attached anew for whatever is shown next: until that has its place, the
 * mark only seems to be near still.
 */
export function nearView(onnear: () => void): Attachment {
  return (mark) => {
    // On a busy machine several are told at once; the last one is how it is now.
    const observer = new IntersectionObserver((entries) => entries.at(-1)?.isIntersecting && onnear(), {
      root: mark.closest('.scroller'),
      rootMargin: `${NEAR_PX}px 0px`,
    })
    observer.observe(mark)
    return () => observer.disconnect()
  }
}
