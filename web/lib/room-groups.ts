/** A heading of the list, and since when what stands below it was used last, in milliseconds since 1970. */
export type Period = { readonly label: string; readonly since: number }

const month = new Intl.DateTimeFormat(undefined, { month: 'long' })
const monthAndYear = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' })

/** The midnight with which the reader's day began. */
export function dayStart(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0)
}

/** The midnight with which the next day begins, also where a day has 23 or 25 hours. */
export function nextDay(time: number): number {
  return daysBefore(time, -1)
}

/** Below which heading a room stands that was used last at `time`; `now` is any time of the reader's day. */
export function periodOf(time: number, now: number): Period {
  const today = dayStart(now)
  if (time >= today) return { label: 'Today', since: today }
  const yesterday = daysBefore(now, 1)
  if (time >= yesterday) return { label: 'Yesterday', since: yesterday }
  const week = daysBefore(now, 7)
  if (time >= week) return { label: 'Previous 7 days', since: week }
  const thisMonth = monthStart(now)
  if (time >= thisMonth) return { label: 'Earlier this month', since: thisMonth }
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear()
  return { label: (sameYear ? month : monthAndYear).format(time), since: monthStart(time) }
}

function daysBefore(time: number, days: number): number {
  const date = new Date(time)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - days).getTime()
}

function monthStart(time: number): number {
  const date = new Date(time)
  return new Date(date.getFullYear(), date.getMonth(), 1).getTime()
}
