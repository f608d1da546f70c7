import { showPreferences } from './look.ts'
import { tellPreferences } from './preferences.svelte.ts'
import { type Preferences, readPreferences, writePreferences } from './preferences.ts'

/** Changes some of what is wanted on this device, here and in all tabs of this browser. */
export function prefer(changes: Partial<Preferences>): void {
  const next = { ...readPreferences(), ...changes }
  writePreferences(next)
  showPreferences(next)
  tellPreferences()
}
