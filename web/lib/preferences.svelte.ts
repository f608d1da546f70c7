import { createSubscriber } from 'svelte/reactivity'
import { onPreferencesElsewhere, type Preferences, readPreferences } from './preferences.ts'
import { isComposing } from './input-method.ts'

const listeners = new Set<() => void>()
const subscribe = createSubscriber((update) => {
  listeners.add(update)
  const stop = onPreferencesElsewhere(update)
  return () => {
    listeners.delete(update)
    stop()
  }
})

/** How Confab looks and works on this device. */
export function preferences(): Preferences {
  subscribe()
  return readPreferences()
}

/** Tells this tab that they have changed; the others hear of it by themselves. */
export function tellPreferences(): void {
  for (const listener of listeners) listener()
}

/** Whether a key, pressed where messages are written, is to send. */
export function sends(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || isComposing(event)) return false
  return event.ctrlKey || event.metaKey || (readPreferences().enter === 'sends' && !event.shiftKey && !event.altKey)
}
