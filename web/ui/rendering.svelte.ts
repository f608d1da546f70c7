import { loadMarkdown } from '../lib/markdown-loader.ts'
import type * as ReplyParts from './reply-parts.ts'

/** What draws replies: fetched with the first one, and with the next connection where it could not be had. Made while a component is. */
export class Rendering {
  /** It is there, or cannot be had: shown before, a reply would change its height a moment later. */
  tried = $state(false)
  /** null: replies are shown as they were written. */
  parts = $state.raw<typeof ReplyParts | null>(null)

  constructor({ isWanted, online }: { isWanted: () => boolean; online: () => boolean }) {
    $effect(() => {
      if (this.parts || !isWanted() || (this.tried && !online())) return
      void Promise.all([import('./reply-parts.ts'), loadMarkdown()])
        .then(
          ([parts]) => void (this.parts = parts),
          () => undefined,
        )
        .finally(() => (this.tried = true))
    })
  }
}
