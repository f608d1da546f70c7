import { dayName, daysAgo } from './time.ts'

const MINUTE_MS = 60_000

/** A countdown that keeps its width: 1:59. */
export function minutesLeft(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** How long ago something was: just now, 5 min ago, 3 h ago, yesterday, and then the day. */
export function agoWords(time: number, now: number): string {
  const minutes = Math.floor((now - time) / MINUTE_MS)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  const days = daysAgo(time, now)
  if (days <= 0) return `${Math.floor(minutes / 60)} h ago`
  return days === 1 ? 'yesterday' : `on ${dayName(time, now)}`
}

/** How long something has lasted, to the unit that matters: 5 min, 3 h, 6 days. */
export function durationWords(ms: number): string {
  const minutes = Math.max(1, Math.floor(ms / MINUTE_MS))
  if (minutes < 60) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
