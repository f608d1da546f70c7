import { createSubscriber } from 'svelte/reactivity'
import { isId } from '#contract'

const MESSAGE = '#m-'
const listeners = new Set<() => void>()

const subscribe = createSubscriber((update) => onRouteChange(update))

/** The room that the address names; null: none. */
export function currentConversation(): string | null {
  subscribe()
  const id = /^\/c\/([^/]+)\/?$/.exec(location.pathname)?.[1]
  return id !== undefined && isId(id) ? id : null
}

let target: { id: string } | null = null
let targetHash = ''

/** The message that the address names; null: none. A new object for every time that the reader asks for it. */
export function currentMessage(): { readonly id: string } | null {
  subscribe()
  if (location.hash !== targetHash) aim()
  return target
}

function aim(): void {
  targetHash = location.hash
  const id = targetHash.startsWith(MESSAGE) ? targetHash.slice(MESSAGE.length) : ''
  target = isId(id) ? { id } : null
}

/** The address of a message, for everybody who is in its room. */
export function messageLink(conversationId: string, messageId: string): string {
  return `${location.origin}/c/${conversationId}${MESSAGE}${messageId}`
}

/** Shows a message in its place, whichever room is shown now: the transcript loads what is around it, goes there and marks it. */
export function jumpTo(conversationId: string, messageId: string): void {
  const link = messageLink(conversationId, messageId)
  if (location.href !== link) history.pushState(null, '', link)
  announce()
}

/** The reader has left the message that the address names. */
export function leaveMessage(): void {
  if (location.hash === '') return
  history.replaceState(null, '', location.pathname)
  announce()
}

/** Goes to a room: `replace` leaves no way back to where the reader was. */
export function go(conversationId: string, how: 'push' | 'replace' = 'push'): void {
  const path = `/c/${conversationId}`
  if (location.pathname + location.hash === path) return
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
  aim()
  for (const listener of [...listeners]) listener()
}
