let times = $state(0)

/** How often something was said in the room that is shown, in this tab; a value that effects may read. */
export function timesSaid(): number {
  return times
}

/** Whoever says something wants to see it: the transcript goes to its end. */
export function noteSaid(): void {
  times++
}
