import type { Clock } from '../../web/store/clock.ts'

type Timer = { at: number; task: () => void }

/** A clock that a test drives: tasks run in the order of their times, inside of `advance`. */
export class FakeClock implements Clock {
  #now = 0
  #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), task }
    this.#timers.push(timer)
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer))
  }

  advance(ms: number): void {
    const until = this.#now + ms
    while (true) {
      const due = this.#timers.filter(({ at }) => at <= until).sort((left, right) => left.at - right.at)[0]
      if (!due) break
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#now = Math.max(this.#now, due.at)
      due.task()
    }
    this.#now = until
  }

  /** Time passes and nothing runs, as in a page that the browser has frozen. What is due runs with the next `advance`. */
  freeze(ms: number): void {
    this.#now += ms
  }
}
