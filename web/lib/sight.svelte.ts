import { createSubscriber } from 'svelte/reactivity'

const subscribe = createSubscriber((update) => pageSight.onChange(update))

/** Whether somebody can see this page, for effects. */
export function pageIsSeen(): boolean {
  subscribe()
  return pageSight.visible()
}

/** Whether somebody can see this page. */
export const pageSight = {
  visible: () => document.visibilityState === 'visible',
  /** Calls back after every change; the result ends it. */
  onChange(listener: () => void): () => void {
    document.addEventListener('visibilitychange', listener)
    return () => document.removeEventListener('visibilitychange', listener)
  },
}
