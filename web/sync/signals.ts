/** What the browser says: the network is there or gone (a hint at most), or the reader is back. */
export type Signal = 'online' | 'offline' | 'back'

/** Where the browser says it. */
export type Signals = { window?: EventTarget | undefined; document?: (EventTarget & { visibilityState: string }) | undefined }

export function watchSignals({ window, document }: Signals, listener: (signal: Signal) => void): () => void {
  const names = { online: () => listener('online'), offline: () => listener('offline'), pageshow: () => listener('back') }
  const visible = () => {
    if (document?.visibilityState === 'visible') listener('back')
  }
  for (const [name, heard] of Object.entries(names)) window?.addEventListener(name, heard)
  const resumed = () => listener('back')
  document?.addEventListener('visibilitychange', visible)
  document?.addEventListener('resume', resumed)
  return () => {
    for (const [name, heard] of Object.entries(names)) window?.removeEventListener(name, heard)
    document?.removeEventListener('visibilitychange', visible)
    document?.removeEventListener('resume', resumed)
  }
}
