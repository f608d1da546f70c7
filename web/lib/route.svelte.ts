import { createSubscriber } from 'svelte/reactivity'
import { isId } from '#contract'

const listeners = new Set<() => void>()

const subscribe = createSubscriber((update) => onRouteChange(update))

/** The room that the address names; null: none. */
export function currentConversation(): string | null {
  subscribe()
  const id = /^\/c\/([^/]+)\/?$/.exec(location.pathname)?.[1]
  return id !== undefined && isId(id) ? id : null
}

/** Goes to a room: `replace` leaves no way back to where the reader was. */
export function go(conversationId: string, how: 'push' | 'replace' = 'push'): void {
  const path = `/c/${conversationId}`
  if (location.pathname === path) return
  if (how === 'push') history.pushState(null, '', path)
  else history.replaceState(null, '', path)
  announce()
}

/** Calls back after every change of the address, also by the back button; the result ends it. */
export function onRouteChange(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener('popstate', announce)
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) removeEventListener('popstate', announce)
  }
}

function announce(): void {
  for (const listener of [...listeners]) listener()
}
