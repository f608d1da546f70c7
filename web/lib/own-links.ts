import { isId } from '#contract'
import { jumpTo } from './route.svelte.ts'

const MESSAGE = /^\/c\/([^/]+)$/

/** A click on the address of a message of this server goes there, instead of opening the app once more. */
export function followOwnLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || link.origin !== location.origin) return
  const conversationId = MESSAGE.exec(link.pathname)?.[1] ?? ''
  const messageId = /^#m-(.+)$/.exec(link.hash)?.[1] ?? ''
  if (!isId(conversationId) || !isId(messageId)) return
  event.preventDefault()
  jumpTo(conversationId, messageId)
}
