/** Whether somebody can see this page. */
export const pageSight = {
  visible: () => document.visibilityState === 'visible',
  /** Calls back after every change; the result ends it. */
  onChange(listener: () => void): () => void {
    document.addEventListener('visibilitychange', listener)
    return () => document.removeEventListener('visibilitychange', listener)
  },
}
