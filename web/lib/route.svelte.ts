import { createSubscriber } from 'svelte/reactivity'
import { isId } from '#contract'

const MESSAGE = '#m-'
const listeners = new Set<() => void>()

/** The room that is being made, to which the reader is on the way. */
let making: Promise<string> | null = null

const subscribe = createSubscriber((update) => onRouteChange(update))

/** The room that the address names; null: none, or the reader is on the way to one that is being made. */
export function currentConversation(): string | null {
  subscribe()
  if (making) return null
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
  making = null
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
  const wasMaking = making !== null
  making = null
  if (location.pathname + location.hash === path) {
    if (wasMaking) announce()
    return
  }
  if (how === 'push') history.pushState(null, '', path)
  else history.replaceState(null, '', path)
  announce()
}

/**
 * Goes to a room once it is made, unless the reader has gone elsewhere by then. The room that was shown is left at once: what is written meanwhile is
 * for the new one. One that could not be made leaves the reader where they were, and throws.
 */
export async function goToMade(made: Promise<string>): Promise<void> {
  making = made
  announce()
  try {
    const id = await made
    if (making === made) go(id)
  } finally {
    if (making === made) {
      making = null
      announce()
    }
  }
}

/** Calls back after every change of the address, also by the back button; the result ends it. */
export function onRouteChange(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener('popstate', wentBack)
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) removeEventListener('popstate', wentBack)
  }
}

function wentBack(): void {
  making = null
  announce()
}

function announce(): void {
  aim()
  for (const listener of [...listeners]) listener()
}
