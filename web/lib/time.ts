const DAY_MS = 86_400_000

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' })
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })

/** Calendar days from `time` to `now` in the reader's own time zone; 0 is today. */
export function daysAgo(time: number, now: number): number {
  return Math.round((midnight(now) - midnight(time)) / DAY_MS)
}

/** 14:02 */
export function clockTime(time: number): string {
  return clock.format(time)
}

/** For the tooltip of a time: day, date and hour. */
export function fullTime(time: number): string {
  return whole.format(time)
}

/** The heading of a day in a transcript. */
export function dayName(time: number, now: number): string {
  const days = daysAgo(time, now)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  return new Date(time).getFullYear() === new Date(now).getFullYear() ? weekday.format(time) : date.format(time)
}

export type Age = 'Today' | 'Yesterday' | 'Previous 7 days' | 'Older'

/** The heading under which the list of rooms shows a room. */
export function ageOf(time: number, now: number): Age {
  const days = daysAgo(time, now)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  return days <= 7 ? 'Previous 7 days' : 'Older'
}

/** How long is left, coarser the longer it is: 8 s, 2 min 5 s, 3 h 12 min. */
export function timeLeft(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0)
}
