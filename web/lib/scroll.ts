/** A scrolled box, in CSS pixels. */
export type Box = { top: number; height: number; viewport: number }

/** Readers who are this close to the end mean the end. */
export const END_PX = 48

export function isAtEnd({ top, height, viewport }: Box): boolean {
  return height - viewport - top <= END_PX
}

/**
 * Whether to keep following the end after a scroll event. Only the reader's own way up ends it: text that grew, or a box that
 * shrank and so pushed the position up, does not; nor does one that has another size now, which may have been a third one in between.
 */
export function nextFollowing(following: boolean, before: Box, now: Box): boolean {
  if (isAtEnd(now)) return true
  const pushed = now.height - now.viewport < before.height - before.viewport || now.viewport !== before.viewport
  if (now.top < before.top - 1 && !pushed) return false
  return following
}

/** The position at which a thing stays where the eye has it: `was` and `is` are its distances from the top of the box. */
export function keptTop(top: number, was: number, is: number): number {
  return Math.max(0, top + (is - was))
}

/**
 * The next step when the top of what is shown comes into view: show more of what the store holds, ask for what it does not hold,
 * or nothing.
 */
export function earlierStep(view: { shown: number; window: number; earlier: boolean }): 'widen' | 'request' | 'none' {
  if (!view.earlier) return 'none'
  return view.shown >= view.window ? 'widen' : 'request'
}
