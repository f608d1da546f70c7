const MINUTE_MS = 60_000

/** The time, to the minute; to be made while a component begins, and over with it. */
export class MinuteClock {
  now = $state(Date.now())

  constructor() {
    $effect(() => {
      const timer = setInterval(() => (this.now = Date.now()), MINUTE_MS)
      return () => clearInterval(timer)
    })
  }
}
