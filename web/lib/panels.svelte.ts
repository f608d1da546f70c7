import { createSubscriber } from 'svelte/reactivity'
import { onRouteChange } from './route.svelte.ts'

/** The dialogs that are loaded when they are opened first; the island of each is `<name>-panel`. */
export type Panel = 'invite' | 'people' | 'room' | 'settings' | 'usage' | 'server' | 'search' | 'prompts' | 'keys'

let open: Panel | null = null
let stopWatching = () => {}
const listeners = new Set<() => void>()
const subscribe = createSubscriber((update) => onPanelChange(update))

/** The panel that is open; null: none. */
export function currentPanel(): Panel | null {
  subscribe()
  return open
}

/** Opens a panel in place of the one that is open. Going to another room closes it. */
export function openPanel(panel: Panel): void {
  stopWatching()
  stopWatching = onRouteChange(() => closePanel(panel))
  set(panel)
}

/** Closes a panel, if it is still the one that is open. */
export function closePanel(panel: Panel): void {
  if (open !== panel) return
  stopWatching()
  set(null)
}

/** Calls back whenever another panel is open, or none; the result ends it. */
export function onPanelChange(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function set(panel: Panel | null): void {
  if (open === panel) return
  open = panel
  for (const listener of [...listeners]) listener()
}
