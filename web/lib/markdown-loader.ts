import type * as View from './markdown-view.ts'

let loading: Promise<typeof View> | null = null

/** The Markdown renderer, fetched once and only when a reply has to be shown. Asked again after a failure, it is fetched again. */
export function loadMarkdown(): Promise<typeof View> {
  loading ??= import('./markdown-view.ts').catch((error: unknown) => {
    loading = null
    throw error
  })
  return loading
}
